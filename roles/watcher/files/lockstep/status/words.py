"""Times, sizes and names in the words of people; nothing of a name reaches a terminal or a browser as it is."""

from __future__ import annotations


def plain(value: object) -> str:
    """`value` as one line of printable text: bytes that are no text, controls and line ends become escapes."""
    text = str(value)
    if text.isprintable():  # surrogates are not
        return text
    out = []
    for char in text:
        code = ord(char)
        if 0xDC80 <= code <= 0xDCFF:
            # os.fsdecode's stand-in for a byte that is not UTF-8.
            out.append(f"\\x{code - 0xDC00:02x}")
        elif char.isprintable():
            out.append(char)
        else:
            out.append(char.encode("unicode_escape").decode("ascii"))
    return "".join(out)


def duration(seconds: float | None) -> str:
    """Seconds for people: 0 s, 45 ms, 3.2 s, 4 min 5 s, 2 h 3 min, 5 d 2 h."""
    if seconds is None:
        return "unknown"
    if seconds <= 0:
        return "0 s"
    if seconds < 0.9995:
        return f"{seconds * 1000:.1f} ms".replace(".0 ms", " ms") if seconds < 0.00995 else f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s".replace(".0 s", " s")
    whole = int(seconds + 0.05)
    for size_, unit, below, part in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size_:
            rest = whole % size_ // below
            return f"{whole // size_} {unit} {rest} {part}" if rest else f"{whole // size_} {unit}"
    return f"{whole} s"


def size(count: float) -> str:
    """Bytes for people: 512 B, 3.4 KB, 120 MB, 1.5 TB."""
    if count < 1000:
        return f"{count:.0f} B"
    for unit in ("KB", "MB", "GB", "TB"):
        count /= 1000
        if count < 999.5 or unit == "TB":
            break
    return f"{count:.1f} {unit}" if count < 100 and f"{count:.1f}"[-2:] != ".0" else f"{count:,.0f} {unit}"


def plural(count: int, one: str, many: str = "") -> str:
    """1 mirror, 1,200 mirrors."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
