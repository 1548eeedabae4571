"""A pseudonym as it is looked for: whole, never as a piece of another patient's."""

import re
from collections.abc import Collection

ERASED = "(withdrawn)"
"""Stands where a pseudonym stood in a sentence that is kept."""

_IN_BINARY = 6
"""Shorter pseudonyms stand in compressed bytes by chance."""

_WIDE = {"utf-16-le": 2, "utf-32-le": 4}
"""Bytes of a character in what NumPy and Windows store."""


class PatientName:
    """A pseudonym in texts, bytes and the names of files.

    Letters and digits beside it make it another word; so does a longer pseudonym that it is a part
    of (`P1` in `P1-2`).

    Args:
        pseudonym: The patient's.
        others: All other patients' that anything is known of.
    """

    def __init__(self, pseudonym: str, others: Collection[str] = ()) -> None:
        self.pseudonym = pseudonym
        self.longer = tuple(one for one in others if pseudonym in one and one != pseudonym)
        word = rf"(?<![A-Za-z0-9])(?P<his>{re.escape(pseudonym)})(?![A-Za-z0-9])"
        longest_first = sorted(self.longer, key=len, reverse=True)
        pattern = "|".join([*(re.escape(one) for one in longest_first), word])
        self._text = re.compile(pattern)
        self._bytes = re.compile(pattern.encode())

    def in_text(self, text: str) -> bool:
        """Whether a text names the patient."""
        return any(found["his"] for found in self._text.finditer(text))

    def in_bytes(self, content: bytes) -> bool:
        """Whether bytes name the patient, as UTF-8 or as the wide characters that NumPy stores."""
        if any(found["his"] for found in self._bytes.finditer(content)):
            return self._is_meant(content)
        return any(self._in_wide(content, code, width) for code, width in _WIDE.items())

    def is_text(self, text: str) -> bool:
        """Whether a text is the pseudonym and nothing else."""
        return text == self.pseudonym

    def erased(self, text: str) -> str:
        """A sentence without the pseudonym."""
        return self._text.sub(lambda found: ERASED if found["his"] else found[0], text)

    def _in_wide(self, content: bytes, code: str, width: int) -> bool:
        """Whether bytes hold the pseudonym in characters of some width, no letter beside it."""
        wide = self.pseudonym.encode(code)
        at = content.find(wide)
        while at >= 0:
            end = at + len(wide)
            beside = content[max(0, at - width) : at], content[end : end + width]
            if not any(one.decode(code, "ignore").isalnum() for one in beside):
                return True
            at = content.find(wide, at + 1)
        return False

    def _is_meant(self, content: bytes) -> bool:
        """Whether what was found is a word and no chance of compressed bytes."""
        return len(self.pseudonym) >= _IN_BINARY or is_text(content)


def is_text(content: bytes) -> bool:
    """Whether bytes are a text in UTF-8."""
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return b"\0" not in content
