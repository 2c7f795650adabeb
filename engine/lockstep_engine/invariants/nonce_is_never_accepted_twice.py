"""NonceIsNeverAcceptedTwice: a signer's set rises strictly, above its floor ([NON-2])."""

from lockstep_engine.state import ExchangeCore
from lockstep_kernel.errors import InvariantError, check


def nonce_is_never_accepted_twice(core: ExchangeCore) -> None:
    """Walk every signer's nonces."""
    for signer, known in core.nonces.items():
        last = known.floor
        nonces = known.live()
        for nonce in nonces:
            if nonce <= last:
                raise InvariantError(f"nonces of {signer.hex()}: {nonce} does not follow {last}")
            last = nonce
        count = len(nonces)
        capacity = core.params.nonce_capacity
        check(1 <= count <= capacity, f"{signer.hex()} has {count} nonces, at most {capacity}")
