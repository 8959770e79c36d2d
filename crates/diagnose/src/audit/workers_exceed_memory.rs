use super::{Checked, Hit, Level, Needs, rule};
use crate::{Measure, Source, survey::Survey, topology::FpmPool, words::count};
use host::{Unseen, looks::Process};

rule! {
    /// # What it sees
    /// php-fpm's `pm.max_children` times the memory that a child of that pool was measured to hold for itself (`RssAnon`),
    /// against what there is: the machine's memory, its container's, or `MemoryMax=` of the unit.
    /// # How it becomes a 502
    /// In a busy hour the pool grows to all its children. The machine swaps until every request times out, or the kernel's
    /// out-of-memory killer ends a child in the middle of a request, or the database beside it.
    /// # The change
    /// As many children as fit beside what else runs; more memory where those are too few.
    /// # Quiet where
    /// All pools, full grown, fit. Pools without a running child can't be measured and are not guessed at.
    pub static WORKERS_EXCEED_MEMORY = {
        id: "workers-exceed-memory",
        title: "php-fpm may grow beyond the memory there is",
        level: Level::Warning,
        needs: Needs::Host,
        foresees: &["oom-kill", "memory-pressure"],
        check: check,
    }
}

/// A fifth is left to nginx, the kernel and whatever else runs.
const SHARE: (u64, u64) = (4, 5);

/// A pool with what was measured of it.
struct Grown<'a> {
    pool: &'a FpmPool,
    most: u64,
    children: usize,
    each: u64,
}

fn check(survey: &Survey) -> Checked {
    let pools: Vec<Grown<'_>> = survey
        .world
        .pools
        .iter()
        .filter_map(|pool| measure(survey, pool))
        .collect();
    if pools.is_empty() {
        return Checked::default().blind(unmeasured(survey));
    }
    let machine = match &survey.memory {
        Ok(bytes) => *bytes,
        Err(unseen) => return Checked::default().blind([unseen.clone()]),
    };
    let mut checked = Checked::default();
    let together: u64 = pools.iter().map(Grown::whole).fold(0, u64::saturating_add);
    let largest = pools.iter().map(Grown::whole).max().unwrap_or(0);
    for grown in &pools {
        let own = limit(survey, grown.pool);
        let alone = own
            .filter(|own| grown.whole() > *own)
            .map(|own| (own, grown.whole()));
        let all = (together > machine && grown.whole() == largest).then_some((machine, together));
        checked.hits.extend(
            alone
                .or(all)
                .map(|(room, wants)| hit(grown, room, wants, pools.len())),
        );
    }
    checked.blind(unmeasured(survey))
}

/// Children there are, and none of them could be measured.
fn unmeasured(survey: &Survey) -> Option<Unseen> {
    let of = |pool: &&FpmPool| children(survey, pool).next().is_some() && measure(survey, pool).is_none();
    let pool = survey
        .world
        .pools
        .iter()
        .find(|pool| pool.max_children.is_some() && of(pool))?;
    Some(Unseen::Unusable {
        what: format!("memory of the children of pool {}", pool.name),
        why: "this kernel does not tell how much of it is their own".to_owned(),
    })
}

fn measure<'a>(survey: &Survey, pool: &'a FpmPool) -> Option<Grown<'a>> {
    let sizes: Vec<u64> = children(survey, pool)
        .filter_map(|child| child.rss_anon)
        .collect();
    let each = sizes.iter().sum::<u64>().checked_div(sizes.len() as u64)?;
    let most = u64::from(pool.max_children?);
    Some(Grown {
        pool,
        most,
        children: sizes.len(),
        each,
    })
}

fn children<'a>(survey: &'a Survey, pool: &'a FpmPool) -> impl Iterator<Item = &'a Process> {
    let title = format!("php-fpm: pool {}", pool.name);
    survey
        .world
        .processes_of(&pool.unit)
        .filter(move |child| child.argv.first().is_some_and(|argv| argv.trim_end() == title))
}

/// `MemoryMax=` of the pool's unit.
fn limit(survey: &Survey, pool: &FpmPool) -> Option<u64> {
    survey.world.unit(&pool.unit)?.property("MemoryMax").parse().ok()
}

impl Grown<'_> {
    fn whole(&self) -> u64 {
        self.most.saturating_mul(self.each)
    }
}

fn hit(grown: &Grown<'_>, room: u64, wants: u64, pools: usize) -> Hit {
    let Grown {
        pool,
        most,
        children,
        each,
    } = grown;
    let others = wants.saturating_sub(grown.whole());
    let fit = (room / SHARE.1 * SHARE.0)
        .saturating_sub(others)
        .checked_div(*each)
        .unwrap_or(0)
        .max(1);
    let line = pool
        .settings
        .iter()
        .rfind(|(key, ..)| key == "pm.max_children")
        .map(|(.., line)| *line);
    let mut place = pool.written.clone();
    (place.line, place.column) = (line.unwrap_or(place.line), 0);
    let all = if pools > 1 {
        format!("; all {pools} pools together {}", mib(wants))
    } else {
        String::new()
    };
    let says = format!(
        "pool {} may grow to {most} children of {} each ({} measured), {} in all{all}; there are {}",
        pool.name,
        mib(*each),
        count(*children, "child").replace("childs", "children"),
        mib(grown.whole()),
        mib(room)
    );
    let set = Measure::IniSet {
        file: pool.written.file.clone(),
        section: pool.name.clone(),
        key: "pm.max_children".into(),
        value: fit.to_string(),
    };
    let spares = pool.settings.iter().any(|(key, value, _)| {
        key.starts_with("pm.")
            && key.ends_with("_servers")
            && value.parse::<u64>().is_ok_and(|value| value > fit)
    });
    let source = Source::command("grep -H RssAnon $(pgrep -f 'php-fpm: pool' | sed 's,.*,/proc/&/status,')");
    Hit::new(format!("pool {} of {}", pool.name, pool.unit), Some(place), says, source)
        .why("in a busy hour it swaps until requests time out, or the kernel ends a worker in the middle of one: 502")
        .change(format!("set pm.max_children = {fit}, or find why a child holds {}", mib(*each)))
        .remedy(
            format!("let pool {} grow to {fit} children", pool.name),
            // spare servers above the new limit would keep php-fpm from starting
            Some(vec![set, Measure::Reload { unit: pool.unit.clone() }]).filter(|_| !spares),
        )
}

fn mib(bytes: u64) -> String {
    match bytes >> 20 {
        0 => format!("{} KiB", bytes >> 10),
        mib @ 1..10240 => format!("{mib} MiB"),
        mib => format!("{} GiB", mib >> 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Fixture, process};

    /// So many children of so many MiB, and how many there may be, on a machine with so many MiB.
    fn pool(sizes: &[Option<u64>], most: u32, machine: u64) -> Survey {
        let unit = "php8.2-fpm.service";
        let fixture = Fixture::php_fpm().with(|it| {
            it.world.pools[0].max_children = Some(most);
            let children = (501..).zip(sizes).map(|(pid, mib)| {
                let mut child = process(pid, 500, unit);
                child.argv = vec!["php-fpm: pool www ".into()];
                child.rss_anon = mib.map(|mib| mib << 20);
                child
            });
            it.world.processes = Ok(children.collect());
        });
        Survey::of(fixture).with(|it| it.memory = Ok(machine << 20))
    }

    #[test]
    fn fires_where_a_full_pool_does_not_fit() {
        let survey = pool(&[Some(40), Some(80)], 100, 4096);
        let hits = (WORKERS_EXCEED_MEMORY.check)(&survey).hits;
        assert_eq!(hits.len(), 1);
        assert!(
            hits[0]
                .says
                .contains("100 children of 60 MiB each (2 children measured), 6000 MiB in all"),
            "{}",
            hits[0].says
        );
        assert_eq!(hits[0].remedies[0].title, "let pool www grow to 54 children");
    }

    #[test]
    fn fires_by_the_limit_of_the_unit() {
        let survey = pool(&[Some(60)], 20, 65536).with(|it| {
            let world = std::sync::Arc::make_mut(&mut it.world);
            let unit = &mut world.units.as_mut().expect("units")[0];
            unit.properties
                .insert("MemoryMax".into(), (512u64 << 20).to_string());
        });
        assert_eq!(survey.told(&WORKERS_EXCEED_MEMORY).len(), 1);
    }

    #[test]
    fn stays_quiet_where_it_fits_or_nothing_was_measured() {
        assert!(
            pool(&[Some(60)], 20, 4096)
                .told(&WORKERS_EXCEED_MEMORY)
                .is_empty()
        );
        assert!(pool(&[], 9999, 64).told(&WORKERS_EXCEED_MEMORY).is_empty());
        let blind = (WORKERS_EXCEED_MEMORY.check)(&pool(&[None], 9999, 64));
        assert!(blind.hits.is_empty() && blind.unseen.len() == 1);
    }
}
