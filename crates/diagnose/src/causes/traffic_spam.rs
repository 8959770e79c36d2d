use crate::{
    Case, Class, Evidence, Opinion, Rank, Remedy,
    cause::{Group, Told, cause},
    traffic::{
        Kind, ban, blame,
        limit::{self, Mark, Rate},
        mix,
    },
};
use logscan::{Complaint, Phase, Trouble};

cause! {
    /// # What happens
    /// Comment, contact, trackback and xmlrpc requests keep the workers busy.
    /// # How to tell
    /// POSTs to those paths take most of the worker-seconds; or requests that name one foreign site as their referrer, from many
    /// addresses, for the usual pages but for nothing that pages bring along.
    /// # Fix
    /// A limit for that path in nginx, for each address or for all together; nobody is locked out. Or, where at most three
    /// strangers make most of it, those addresses are refused for a while: by fail2ban or CrowdSec where one of them bans
    /// on this host, else in a table of nftables of its own, which lets go by itself after an hour. Never a CDN, a proxy, an
    /// inner network, whoever is logged in, nor whoever looked at pages at this hour on other days. More workers help as
    /// far as memory goes.
    /// # Not this if
    /// The rate is normal and each request takes longer (heavy-endpoint, db-slow).
    pub static TRAFFIC_SPAM = {
        id: "traffic-spam",
        title: "spam requests fill the pool",
        group: Group::Load,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("wp-comments-post.php", 75), ("trackback", 50), ("xmlrpc.php", 25)],
        effect_of: &[],
        settled_by: ("see whose requests take the workers' time", "awk '{print $1, $7}' /var/log/nginx/access.log | sort | uniq -c | sort -rn | head"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies,
            lab: &["traffic-spam"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::Connect(11) => 4,
        Trouble::Connect(99) => 3,
        Trouble::Status(499) => 6,
        Trouble::TimedOut if complaint.during(Phase::ReadingHeader) => 1,
        _ => 0,
    }
}

fn weigh(case: &Case) -> Opinion {
    blame::of_kind(case, Kind::Message, "messages that anybody may send")
        .or_else(|| of_a_referrer(case))
        .unwrap_or_default()
}

/// Requests that are made to have another site's name seen in the logs.
fn of_a_referrer(case: &Case) -> Option<Opinion> {
    let demand = case.demand.as_ref()?;
    let spam = mix::spam_referrer(case).filter(|it| blame::takes_most(demand, &it.load))?;
    if demand.times(Some(Kind::Page))? < blame::FAR_MORE {
        return None;
    }
    let named = format!("requests that name {} as their referrer", blame::text(&spam));
    let says = format!(
        "{} of them name it, nobody did before, and hardly anything that pages bring along is asked for",
        spam.load.requests
    );
    let mut opinion = blame::of_kind(case, Kind::Page, &named)?;
    opinion
        .evidence
        .push(Evidence::supports(Rank::Strong, says, blame::source(demand)));
    Some(opinion)
}

fn advise(case: &Case) -> String {
    let spam = mix::spam_referrer(case).and_then(|it| mix::host(&it.key));
    match spam {
        Some(host) => format!(
            "refuse them before they reach a worker: if ($http_referer ~* \"^https?://{}([:/]|$)\") {{ return 403; }} in the \
             server block, nginx -t, reload; why502 logs --by referrer,client shows who it is",
            host.replace('.', "\\.")
        ),
        None => blame::advise(case, "the messages"),
    }
}

/// For each address.
const RATE: Rate = Rate {
    per_minute: 6,
    burst: 5,
};

fn remedies(case: &Case) -> Vec<Remedy> {
    let limited = limit::of_kind(case, Kind::Message, Mark::Route, RATE);
    limited
        .into_iter()
        .chain(ban::of_kind(case, Kind::Message))
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::testing::traffic::{PEOPLE, busy};

    #[test]
    fn fires_where_comments_fill_the_pool() {
        busy()
            .asked("POST /wp-comments-post.php", 300, 40, "Firefox")
            .usually(PEOPLE)
            .check("found traffic-spam <- pool-exhausted");
        busy()
            .asked("POST /xmlrpc.php", 300, 3, "")
            .check("found traffic-spam <- pool-exhausted");
    }

    #[test]
    fn fires_where_many_addresses_name_one_foreign_site() {
        let spam = |referrer| busy().referred("GET /", 900, 300, referrer).usually(PEOPLE);
        spam("https://spam.example/win").check("found traffic-spam <- pool-exhausted");
        let advice = spam("https://spam.example/win").verdict().findings[0]
            .advice
            .clone();
        assert!(advice.contains(r"^https?://spam\.example([:/]|$)"), "{advice}");
        // the site's own pages, and what is no name
        spam("https://www.shop.example/").check("found traffic-flood <- pool-exhausted");
        spam("https://\"; return 200 \".example/").check("found traffic-flood <- pool-exhausted");
    }

    #[test]
    fn stays_quiet_where_a_link_is_followed() {
        busy()
            .referred("GET /", 900, 300, "https://news.example/")
            .with_assets(2700)
            .usually(PEOPLE)
            .check("found traffic-surge <- pool-exhausted");
        // from few addresses it is a flood, whatever it names
        busy()
            .referred("GET /", 900, 2, "https://spam.example/")
            .usually(PEOPLE)
            .check("found traffic-flood <- pool-exhausted");
        // another site's program asks for what is no page
        busy()
            .referred("GET /api/price", 900, 300, "https://partner.example/")
            .usually(PEOPLE)
            .check_not("traffic-spam");
    }

    #[test]
    fn stays_quiet_where_messages_are_few_or_usual() {
        busy()
            .asked("POST /contact", 40, 40, "Firefox")
            .asked("GET /", 60, 50, "Firefox")
            .usually(PEOPLE)
            .check_not("traffic-spam");
        busy()
            .asked("POST /contact", 60, 60, "Firefox")
            .usually(&[("POST /contact", 7200, 900, "Firefox")])
            .check("found pool-exhausted");
    }
}
