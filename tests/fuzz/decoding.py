"""The properties of every command decoder, whatever the machine."""

from lockstep_kernel import Codec, MalformedCommand, Sequenced
from tests.fuzz.target import agree


def decoded(codec: Codec, ts_ns: int, data: bytes) -> Sequenced | None:
    """Decode a command; None if it is refused as documented. What decodes encodes to `data`."""
    try:
        command = codec.decode(ts_ns, data)
    except MalformedCommand as error:
        agree(True, bool(str(error)), "a refusal says why")
        return None
    agree(data, command.body, "the body of a decoded command")
    agree(data, codec.encode(command.command), "decoded and encoded again")
    agree(command, codec.sequence(ts_ns, command.command), "sequenced from its struct")
    return command
