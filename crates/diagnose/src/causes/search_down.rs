use crate::{
    Class,
    cause::{Group, Told, cause},
};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// Elasticsearch or OpenSearch does not answer; applications built on it (Kibana, Graylog, shops) exit or never
    /// listen.
    /// # How to tell
    /// The application's log names port 9200 or says no living connections.
    /// # Fix
    /// Start the search server; its own log tells why it stopped: heap and disk watermarks are usual.
    /// # Not this if
    /// The application listens and fails otherwise.
    pub static SEARCH_DOWN = {
        id: "search-down",
        title: "the application's search server does not answer",
        group: Group::Dependency,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[(":9200", 90), ("elasticsearch", 75), ("opensearch", 75), ("no living connections", 95), ("kibana", 70), (":5601", 70)],
        effect_of: &[],
        settled_by: ("ask the search server", "curl -s http://127.0.0.1:9200/_cluster/health"),
        told: Told::ByExplain,
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::Connect(111) if complaint.tcp().is_some_and(|it| it.port() == 5601) => 70,
        Trouble::Connect(111) if complaint.tcp().is_some() => 9,
        _ => 0,
    }
}
