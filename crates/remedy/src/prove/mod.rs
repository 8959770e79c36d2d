//! Whether it is mended: the requests that failed, put through nginx again and again, its error log, and the other sites.

mod complaints;
mod visitor;

pub use visitor::status as status_of;

use crate::{
    Clock, Proof,
    outcome::{Progress, Unproved},
};
use complaints::Logs;
use diagnose::Question;
use host::{Host, Timestamp};
use serde::{Deserialize, Serialize};
use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

/// Good answers in a row.
const LEAST: usize = 5;
/// Failing requests that are repeated.
const MOST_QUESTIONS: usize = 8;
/// How long the first good answer may take to come, where the plan does not say.
const WARM_UP: Duration = Duration::from_secs(20);
/// After the first good answer, workers of nginx that were told to go may still answer for so long.
const GRACE: Duration = Duration::from_secs(1);
/// The failing request was put with little patience, so that a diagnosis is quick: a slow but sound page gets more.
const PATIENCE: u64 = 5;
/// Between two rounds of requests.
const PAUSE: Duration = Duration::from_millis(200);
/// Times that another site is asked before it counts as broken.
const TRIES: usize = 3;
/// Other sites asked at once.
const AT_ONCE: usize = 8;

/// What the other sites answered before the first step.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Baseline {
    good: Vec<(Question, u16)>,
}

impl Baseline {
    /// Asks each other site once. One that fails already can't be broken.
    pub(crate) fn of(host: &dyn Host, proof: &Proof) -> Self {
        let others: Vec<Question> = proof
            .must_not_break
            .iter()
            .filter(|it| !proof.must_answer.iter().any(|failing| failing.is_same(it)))
            .cloned()
            .collect();
        let answers = all(host, &others);
        let good = others.into_iter().zip(answers);
        Self {
            good: good
                .filter_map(|(question, status)| Some((question, status.filter(is_good)?)))
                .collect(),
        }
    }

    /// None answered, or there are none.
    pub fn is_empty(&self) -> bool {
        self.good.is_empty()
    }
}

/// Puts the requests.
pub(crate) struct Prover<'a> {
    pub host: &'a dyn Host,
    pub clock: &'a dyn Clock,
    pub stop: &'a AtomicBool,
    pub tell: &'a mut dyn FnMut(Progress<'_>),
}

impl Prover<'_> {
    /// How many good answers prove it; 0 where no failing request may be repeated.
    pub(crate) fn prove(&mut self, proof: &Proof, before: &Baseline) -> Result<usize, Unproved> {
        let holding = self.visitor(proof)?;
        let failing: Vec<Question> = proof
            .must_answer
            .iter()
            .take(MOST_QUESTIONS)
            .map(patient)
            .collect();
        let first_good = self.warm_up(proof, &failing)?;
        let logs = Logs::now(self.host, &proof.error_logs);
        let answers = self.settle(proof, &failing, first_good)?;
        match logs.complaint(self.host, &failing) {
            Some(line) => Err(Unproved::Complains { line }),
            None => self.neighbours(proof, before).map(|()| answers.max(holding)),
        }
    }

    /// Waits until each failing request was answered once.
    fn warm_up(&mut self, proof: &Proof, failing: &[Question]) -> Result<Timestamp, Unproved> {
        let patience = match proof.warm_up_ms {
            0 => WARM_UP,
            ms => Duration::from_millis(ms),
        };
        let until = self.clock.now().after(patience);
        for question in failing {
            while let Err(unproved) = self.ask(question) {
                if self.clock.now() >= until {
                    return Err(unproved);
                }
                self.pause()?;
            }
        }
        Ok(self.clock.now())
    }

    /// Every answer must be good from now on.
    fn settle(
        &mut self,
        proof: &Proof,
        failing: &[Question],
        first_good: Timestamp,
    ) -> Result<usize, Unproved> {
        let grace = first_good.after(GRACE);
        let (mut since, mut answers) = (self.clock.now(), 0);
        let settle = Duration::from_millis(proof.settle_ms);
        while self.clock.now().since(since) < settle || (answers < LEAST && !failing.is_empty()) {
            for question in failing {
                match self.ask(question) {
                    Ok(()) => answers += 1,
                    Err(_) if self.clock.now() < grace => (since, answers) = (self.clock.now(), 0),
                    Err(unproved) => return Err(unproved),
                }
            }
            self.pause()?;
        }
        Ok(answers)
    }

    /// Who answered before must answer now, at the third time of asking at the latest; behind a restart of the host later,
    /// for their services start like any.
    fn neighbours(&mut self, proof: &Proof, before: &Baseline) -> Result<(), Unproved> {
        let until = self.clock.now().after(Duration::from_millis(proof.warm_up_ms));
        let mut open = before.good.clone();
        for attempt in 1.. {
            let questions: Vec<Question> = open.iter().map(|(question, _)| patient(question)).collect();
            let answers = all(self.host, &questions);
            let bad = open.into_iter().zip(answers);
            let bad = bad.filter(|(_, now)| !now.as_ref().is_some_and(is_good));
            let (left, now): (Vec<_>, Vec<_>) = bad.unzip();
            match (left.first(), now.first()) {
                (Some((question, was)), Some(now)) if attempt >= TRIES && self.clock.now() >= until => {
                    return Err(Unproved::Broke {
                        question: Box::new(question.clone()),
                        was: *was,
                        now: *now,
                    });
                }
                (None, _) => return Ok(()),
                _ => open = left,
            }
            self.pause()?;
        }
        Ok(())
    }

    fn ask(&mut self, question: &Question) -> Result<(), Unproved> {
        let status = status(self.host, question);
        (self.tell)(Progress::Answered { question, status });
        match status.filter(is_good) {
            Some(_) => Ok(()),
            None => Err(Unproved::StillFails {
                question: Box::new(question.clone()),
                status,
            }),
        }
    }

    fn pause(&self) -> Result<(), Unproved> {
        if self.stop.load(Ordering::SeqCst) {
            return Err(Unproved::Interrupted);
        }
        self.clock.wait(PAUSE);
        Ok(())
    }
}

/// The status of each answer, some asked at once.
fn all(host: &dyn Host, questions: &[Question]) -> Vec<Option<u16>> {
    let mut answers = Vec::with_capacity(questions.len());
    for some in questions.chunks(AT_ONCE) {
        std::thread::scope(|scope| {
            let asked: Vec<_> = some.iter().map(|it| scope.spawn(|| status(host, it))).collect();
            answers.extend(asked.into_iter().map(|it| it.join().ok().flatten()));
        });
    }
    answers
}

/// What could not be asked has no status either: nothing is proved by it.
fn status(host: &dyn Host, question: &Question) -> Option<u16> {
    question.put(host).ok()?.status
}

fn is_good(status: &u16) -> bool {
    *status < 500
}

fn patient(question: &Question) -> Question {
    Question {
        patience_ms: question.patience_ms.saturating_mul(PATIENCE),
        ..question.clone()
    }
}

#[cfg(test)]
mod tests;
