"""Pseudonyms: what stands for a patient's id, and for a DICOM UID, by the study's key.

Keyed, so that nobody without the key can try ids until one fits, and so that the same patient gets
the same pseudonym in every import. Who drew which patient into which split is another use of the
same key (`components.cohort.splitting`): the messages differ by their prefix, so that neither
tells anything of the other.
"""

import hashlib
import hmac
import uuid
from collections.abc import Iterable

from components.errors import CohortRejected, IntegrityError, UsageError
from components.intake.cells import compared
from components.intake.identity_key import KeyRow

_LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # 32 of them; no 0 beside O, no 1 beside I
_LENGTH = 10  # 50 bits: two of 10,000 patients share one with a probability of 4e-8
_SHORTEST_KEY = 16
_OF_PATIENTS, _OF_UIDS = b"armwise pseudonym\0", b"armwise uid\0"


class Pseudonyms:
    """The pseudonyms of one study.

    Ids are compared as cells are: width, case, outer blanks and a trailing ".0" do not count.

    Raises:
        UsageError: There is no study key, or one that could be guessed.
    """

    def __init__(self, study_key: str) -> None:
        key = study_key.strip()
        if len(key) < _SHORTEST_KEY:
            came = f"one of {len(key)} characters" if key else "none"
            msg = (
                f"expected a study key of at least {_SHORTEST_KEY} characters, found {came}; make "
                'one with `export ARMWISE_STUDY_KEY="$(openssl rand -hex 32)"` and keep it, apart '
                "from the data: the same patients get the same pseudonyms only under the same key"
            )
            raise UsageError(msg)
        self._key = key.encode()
        self._whose: dict[str, str] = {}

    def of(self, patient_id: str) -> str:
        """The pseudonym of a real id, such as "P7QK2MX9TWA".

        Raises:
            CohortRejected: The id is empty, or two ids of this cohort share a pseudonym.
        """
        form = compared(patient_id.replace("\0", ""))
        if not form:
            msg = "expected a patient id, found an empty one; fill it in or leave the patient out"
            raise CohortRejected(msg)
        number = int.from_bytes(self._digest(_OF_PATIENTS, form)[:8], "big")
        letters = (_LETTERS[number >> 5 * place & 31] for place in range(_LENGTH))
        pseudonym = "P" + "".join(letters)
        if self._whose.setdefault(pseudonym, form) != form:
            msg = (
                f"two patients of this cohort get the pseudonym {pseudonym}, a chance of one in "
                "many millions; import with another study key"
            )
            raise CohortRejected(msg)
        return pseudonym

    def remapped_uid(self, uid: str) -> str:
        """The UID that stands for a DICOM UID: under 2.25. (PS3.5 B.2), the same every time.

        Raises:
            CohortRejected: The UID is empty.
        """
        original = uid.replace("\0", "").strip()
        if not original:
            msg = "expected a DICOM UID, found an empty one"
            raise CohortRejected(msg)
        digest = self._digest(_OF_UIDS, original)
        return f"2.25.{uuid.UUID(bytes=digest[:16], version=4).int}"

    def require_same_key(self, rows: Iterable[KeyRow]) -> None:
        """Nothing, once every patient of an import key has the pseudonym that this key gives.

        Raises:
            IntegrityError: The study key is another one than before, or the file was changed.
        """
        other = [row.pseudonym for row in rows if self.of(row.patient_id) != row.pseudonym]
        if other:
            msg = (
                f"the study key gives {len(other)} patients of the import key other pseudonyms "
                f"than they have ({other[0]} among them): ARMWISE_STUDY_KEY is not the key of the "
                "earlier imports, or import_key.csv was changed by hand; nothing was imported. Set "
                "the earlier key"
            )
            raise IntegrityError(msg)

    def _digest(self, purpose: bytes, text: str) -> bytes:
        return hmac.new(self._key, purpose + text.encode(), hashlib.sha256).digest()
