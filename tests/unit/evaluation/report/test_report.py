from __future__ import annotations

import subprocess
import sys


def test_importing_the_report_loads_nothing_heavy():
    code = (
        "import sys, mfclip.evaluation.report, mfclip.evaluation.evaluate\n"
        "heavy = {'torch', 'matplotlib', 'sklearn', 'scipy', 'PIL', 'jinja2'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
