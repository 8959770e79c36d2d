use crate::{
    Class,
    cause::{Group, Told, cause},
};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// RabbitMQ, Kafka or NATS does not answer where the application is configured to find it, and the application
    /// exits or fails requests.
    /// # How to tell
    /// The application's log names the broker's address.
    /// # Fix
    /// Start the broker; find why it stopped.
    /// # Not this if
    /// Another dependency is named.
    pub static BROKER_DOWN = {
        id: "broker-down",
        title: "the application's message broker does not answer",
        group: Group::Dependency,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[(":5672", 80), (":9092", 80), (":4222", 80), ("amqp", 70), ("rabbitmq", 70), ("kafka", 60)],
        effect_of: &[],
        settled_by: ("ask the broker's port", "ss -ltnp | grep -E \"5672|9092|4222\"; systemctl status rabbitmq-server"),
        told: Told::ByExplain,
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::Connect(111) => 1,
        _ => 0,
    }
}
