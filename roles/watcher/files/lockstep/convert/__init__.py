"""`lockstep convert`: from sersync's confxml.xml and lsyncd's lsyncd.conf.lua to lockstep's own configuration.

Nothing in here imports the rest of the package or anything outside of the standard library, and siblings are imported
relatively: the collection's filters load this folder by itself, under another name.
"""

from __future__ import annotations

from typing import Callable, Optional

from .confxml import from_confxml
from .lsyncd import from_lsyncd
from .model import Converted, ConvertError, Mirror, Note, Target
from .write import as_configuration, as_inventory, as_mirrors

__all__ = [
    "ConvertError",
    "Converted",
    "Mirror",
    "Note",
    "Target",
    "as_configuration",
    "as_inventory",
    "as_mirrors",
    "convert",
    "from_confxml",
    "from_lsyncd",
]


def convert(data: bytes, read: Optional[Callable[[str], bytes]] = None) -> Converted:
    """Either kind, told apart by its first character; `read` as of from_lsyncd.  Raises ConvertError."""
    if data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<":
        return from_confxml(data)
    return from_lsyncd(data, read)
