use crate::{
    Case, Class, Opinion, Remedy,
    cause::{Group, Told, cause},
    needs::{self, SEARCH},
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
        effect_of: &["disk-full", "oom-kill"],
        settled_by: ("ask the search server", "curl -s http://127.0.0.1:9200/_cluster/health"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies,
            lab: &["search-down"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::Connect(111) if complaint.tcp().is_some_and(|it| it.port() == 5601) => 70,
        Trouble::Connect(111) if complaint.tcp().is_some() => 9,
        _ => 0,
    }
}

/// What applications say when nothing answers (lower case).
const WORDS: &[&str] = &[
    "econnrefused 127.0.0.1:9200",
    "no living connections",
    "nonodesavailableexception",
    "no alive nodes found",
    "connectionerror(<urllib3",
    "elasticsearch: connection refused",
];

fn weigh(case: &Case) -> Opinion {
    needs::down(case, SEARCH, WORDS)
}

fn advise(case: &Case) -> String {
    needs::advise_down(case, SEARCH)
}

fn remedies(case: &Case) -> Vec<Remedy> {
    needs::start_it(case, SEARCH)
}

#[cfg(test)]
mod tests {
    use crate::testing::{Fixture, answers, refuses};
    use logscan::{Phase, Trouble};

    fn failing(fixture: Fixture) -> Fixture {
        fixture
            .complains(Trouble::ClosedEarly, Phase::ReadingHeader)
            .says(1, "Error: connect ECONNREFUSED 127.0.0.1:9200")
    }

    #[test]
    fn fires_where_it_does_not_answer() {
        for fixture in [Fixture::node(), Fixture::gunicorn()] {
            failing(fixture)
                .needs("elasticsearch 127.0.0.1:9200", "inactive", refuses(111))
                .check("found search-down");
        }
    }

    #[test]
    fn stays_quiet_where_it_answers() {
        failing(Fixture::node())
            .needs("elasticsearch 127.0.0.1:9200", "active", answers(&[]))
            .check_not("search-down");
    }
}
