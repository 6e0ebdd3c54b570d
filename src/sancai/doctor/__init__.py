"""Diagnosis of this machine: checks that run in child processes, so that a broken installation cannot crash doctor.

Only the child processes import torch (`probe`, `numerics`, `ranks`).
"""

from sancai.doctor.children import examine
from sancai.doctor.finding import Finding, worst
from sancai.doctor.installation import installation_findings

__all__ = ["Finding", "examine", "installation_findings", "worst"]
