//! What a looker does: one question after the other, from standard input to standard output.

use super::{
    browser, connect, consult, dns, files, kernel, mask, names, processes, proxies, room, run, sockets,
    tools, wire,
};
use crate::{Answer, Look, Query};
use std::{io, time::Duration};

/// Serves looks until standard input ends. Never returns an error but that of its own pipes.
pub fn looker_main() -> io::Result<()> {
    run::end_with_stdin();
    let (mut from, mut to) = (io::stdin().lock(), io::stdout().lock());
    while let Some(query) = wire::read::<Query>(&mut from)? {
        let answer = look(&query).map(|answer| mask::answer(&query, answer));
        wire::write(&mut to, &answer)?;
    }
    Ok(())
}

/// Makes one look, in this process. May hang; that is what lookers are for.
pub(super) fn look(query: &Query) -> Look<Answer> {
    match query {
        Query::Clock => Ok(Answer::Clock(super::clock::now())),
        Query::File { path, part } => files::file(path, *part).map(Answer::File),
        Query::Dir { path } => files::dir(path).map(Answer::Dir),
        Query::Stat { path, seen_by } => files::stat(path, *seen_by).map(Answer::Stat),
        Query::Space { path } => files::space(path).map(Answer::Space),
        Query::DeletedFiles => room::deleted().map(Answer::DeletedFiles),
        Query::FileSizes { dir } => Ok(Answer::FileSizes(room::sizes(dir))),
        Query::Processes => processes::all().map(Answer::Processes),
        Query::Sockets { netns_of } => sockets::all(*netns_of).map(Answer::Sockets),
        Query::Run(tool) => tools::run(tool).map(Answer::Output),
        Query::SystemName { name } => names::addresses(name).map(Answer::SystemName),
        Query::Cookies { jar, host } => browser::cookies(jar, host).map(Answer::Cookies),
        Query::Kept { profile, host } => browser::kept(profile, host).map(Answer::Kept),
        Query::Visit(visit) => connect::visit(visit).map(Answer::Conversation),
        Query::Proxies => Ok(Answer::Proxies(proxies::all())),
        Query::KernelLog => kernel::log().map(Answer::KernelLog),
        Query::Later { ms, look: later } => {
            std::thread::sleep(Duration::from_millis(*ms));
            look(later)
        }
        Query::Connect { to, stance, talk } => {
            connect::call(to, stance, talk, query.deadline()).map(Answer::Conversation)
        }
        Query::Consult {
            to,
            stance,
            service,
            login,
        } => consult::ask(to, stance, *service, login.as_ref(), query.deadline()).map(Answer::Consultation),
        Query::Dns {
            server,
            name,
            kind,
            netns_of,
        } => dns::ask(*server, name, *kind, *netns_of).map(Answer::Dns),
    }
}
