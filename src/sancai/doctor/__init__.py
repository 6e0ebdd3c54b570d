"""What this machine can do: checks in child processes, so that a broken installation is told and not crashed on.

Nothing here imports torch before a child process does (`probe`, `numerics`, `ranks`).
"""

from sancai.doctor.children import examine
from sancai.doctor.finding import Finding, worst
from sancai.doctor.installation import installation_findings

__all__ = ["Finding", "examine", "installation_findings", "worst"]
