use crate::{
    Case, Class, Opinion, Remedy,
    cause::{Group, Told, cause},
    needs::{self, BROKERS},
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
        effect_of: &["disk-full", "oom-kill"],
        settled_by: ("ask the broker's port", "ss -ltnp | grep -E \"5672|9092|4222\"; systemctl status rabbitmq-server"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies,
            lab: &["broker-down"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::Connect(111) => 1,
        _ => 0,
    }
}

/// What applications say when nothing answers (lower case).
const WORDS: &[&str] = &[
    "econnrefused 127.0.0.1:5672",
    "econnrefused 127.0.0.1:4222",
    "amqpconnectionerror",
    "amqpconnectionexception",
    "amqpioexception",
    "nats: no servers available",
    "nats: connection refused",
    "kombu.exceptions.operationalerror",
];

fn weigh(case: &Case) -> Opinion {
    needs::down(case, BROKERS, WORDS)
}

fn advise(case: &Case) -> String {
    needs::advise_down(case, BROKERS)
}

fn remedies(case: &Case) -> Vec<Remedy> {
    needs::start_it(case, BROKERS)
}

#[cfg(test)]
mod tests {
    use crate::testing::{Fixture, answers, refuses};
    use logscan::{Phase, Trouble};

    fn failing(fixture: Fixture) -> Fixture {
        fixture
            .complains(Trouble::ClosedEarly, Phase::ReadingHeader)
            .says(1, "Error: connect ECONNREFUSED 127.0.0.1:4222")
    }

    #[test]
    fn fires_where_it_does_not_answer() {
        for fixture in [Fixture::node(), Fixture::gunicorn()] {
            failing(fixture)
                .needs("nats 127.0.0.1:4222", "inactive", refuses(111))
                .check("found broker-down");
        }
    }

    #[test]
    fn stays_quiet_where_it_answers() {
        failing(Fixture::node())
            .needs("nats 127.0.0.1:4222", "active", answers(&[]))
            .check_not("broker-down");
    }
}
