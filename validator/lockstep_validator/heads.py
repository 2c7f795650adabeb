"""Compares the signed heads in a stream with what was recomputed there."""

from lockstep_kernel import Chain, DamagedError, State, Tree, TreeHead, dump, genesis_digest
from lockstep_kernel import state_digest as digest_of
from lockstep_validator.evidence.keys import Keys
from lockstep_validator.evidence.proofs import NotProved
from lockstep_validator.verdict import Diverged, Divergence


class Heads:
    """The heads of one stream, which must begin with its first record.

    Invariant: `tree` is that of the records that came out equal.
    """

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self.tree = Tree()
        self.checked = 0

    def check(self, note: bytes, chain: Chain) -> None:
        """Check a head of the state that the chain has now.

        Raises `DamagedError` if it is no head or no key signed it, `Diverged` if it signs something
        else than what was recomputed.
        """
        seq = chain.seq
        try:
            head = self._keys.opened(note).head
        except (DamagedError, NotProved) as error:
            raise DamagedError(f"sequence {seq}: {error}", seq) from None
        if head.size != seq:
            raise DamagedError(f"sequence {seq}: expected its head, found one of {head.size}", seq)
        self._compare(head, chain)
        self.checked += 1

    def _compare(self, head: TreeHead, chain: Chain) -> None:
        seq = chain.seq
        rules_version = chain.core.rules_version()
        if head.rules_version != rules_version:
            what = f"rules {head.rules_version}", f"rules {rules_version}"
            raise _other(seq, what, Divergence("head", seq, head.root))
        state = digest_of(dump(State(chain))) if head.state else b""
        for name, expected, found in (
            ("genesis", head.genesis, genesis_digest(chain.genesis)),
            ("root", head.root, self.tree.root()),
            ("state", head.state, state),
        ):
            if expected != found:
                what = f"{name} {expected.hex()}", f"{name} {found.hex()}"
                raise _other(seq, what, Divergence("head", seq, expected, found))


def _other(seq: int, what: tuple[str, str], divergence: Divergence) -> Diverged:
    return Diverged(f"the head of {seq} signs {what[0]}, computed {what[1]}", divergence)
