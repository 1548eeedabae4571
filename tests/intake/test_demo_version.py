from pathlib import Path

from components.intake.demo_version import DEMO_MD5
from components.platform.data_version import recorded_md5


def test_the_project_is_versioned_with_the_demo():
    assert recorded_md5(Path(__file__).resolve().parents[2]) == DEMO_MD5
