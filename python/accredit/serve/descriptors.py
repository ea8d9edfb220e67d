"""Message types by descriptor: nothing is generated, and nothing collides in the default pool."""

from functools import cache

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import Message

from accredit.engine import descriptor_sets

__all__ = ["message_class", "pool"]


@cache
def pool() -> descriptor_pool.DescriptorPool:
    """Returns a pool of our own with all that a listener serves: ext_authz, health, reflection."""
    made = descriptor_pool.DescriptorPool()
    seen: set[str] = set()
    for encoded in descriptor_sets():
        for file in descriptor_pb2.FileDescriptorSet.FromString(encoded).file:
            if file.name not in seen:
                seen.add(file.name)
                made.Add(file)
    return made


@cache
def message_class(name: str) -> type[Message]:
    """Returns the class of a message, by its full name.

    Raises:
        KeyError: The pool holds no message of this name.
    """
    return message_factory.GetMessageClass(pool().FindMessageTypeByName(name))
