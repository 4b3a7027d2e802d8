//! The store's half of a commit, and what a server makes of the answer: a transaction compares and is taken whole or not at
//! all, and a lost answer is looked up. It does not know how a decision came about.

use crate::flaw::Flaw;
use crate::state::{RecordId, State, Txn};
use crate::turn::Turns;

impl Turns {
    /// The store takes a transaction whole, or not at all.
    pub(crate) fn store(&self, s: &mut State, txn: Txn, by: Option<usize>) -> bool {
        let unopened = self.rules.has(Flaw::OpensOverHeldLanes) && txn.base.is_none() && !s.has_committed(txn.next);
        let same = txn.base == s.current() || self.rules.has(Flaw::NoCompare) || unopened;
        let owned = txn.token == 0 || txn.token == s.owner;
        if !same || !owned {
            if same && !txn.forward {
                s.broken |= self.rules.note_one("S6", || "an order was refused because somebody else owns".to_owned());
            }
            return false;
        }
        let owns = by.is_none_or(|by| s.servers[by].owns) && txn.token == s.owner && s.owner > 0;
        if txn.forward && !owns {
            s.broken |= self.rules.note_one("S5", || "a forward move by a server that does not own".to_owned());
        }
        self.committed(s, txn);
        match by.filter(|_| self.rules.has(Flaw::AuditApart)) {
            Some(by) => s.servers[by].owes = txn.next,
            None => audit(s, txn.next),
        }
        true
    }

    fn committed(&self, s: &mut State, txn: Txn) {
        let current = s.current();
        s.broken |= self.rules.issue(s.past, txn.next);
        if !current.is_none() && self.rules.decided_on(txn.decision) != current {
            s.broken |= self.rules.succession(current, txn.decision);
        }
        s.past.rotate_right(1);
        s.past[0] = txn.next;
        s.committed += 1;
        let (lanes, broken) = self.rules.lanes_after(s.lanes, txn.next);
        (s.lanes, s.broken) = (lanes, s.broken | broken);
    }

    /// A server's transaction reaches the store, and the answer the server.
    pub(crate) fn commit(&self, s: &mut State, server: usize) {
        let Some(txn) = s.servers[server].txn else { return };
        self.store(s, txn, Some(server));
        let robbed = txn.token != s.owner;
        let it = &mut s.servers[server];
        (it.txn, it.unsure) = (None, false);
        if txn.token == it.token && robbed {
            // One refused write, and it knows.
            (it.token, it.robbed) = (0, false);
        }
    }

    /// A server that does not know what became of its transaction finds out.
    pub(crate) fn resolve(&self, s: &mut State, server: usize) {
        let Some(txn) = s.servers[server].txn else { return };
        let applied = s.has_committed(txn.next);
        let (failed, done) = (self.rules.has(Flaw::UnknownIsFailed), self.rules.has(Flaw::UnknownIsDone));
        if failed && applied {
            s.broken |= self.rules.note_one("S24", || "a committed decision was called a failure".to_owned());
        }
        if done && !applied {
            s.spoken = txn.next;
        }
        if !applied && self.rules.has(Flaw::AuditTwice) {
            audit(s, txn.next);
        }
        // Still as it was: the same transaction goes out again. Overtaken: it never was, and cannot be any more.
        let again = !applied && !failed && !done && s.current() == txn.base;
        let it = &mut s.servers[server];
        (it.txn, it.unsure) = (it.txn.filter(|_| again), false);
    }
}

/// One more audit entry.
pub(crate) fn audit(s: &mut State, of: RecordId) {
    s.audited += 1;
    s.audit_of = of;
}
