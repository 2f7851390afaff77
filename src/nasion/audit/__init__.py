"""Audits of nasion's own models: is it worse for some people, or were their pictures worse? (extra `audit`)."""

from nasion.audit.audit import AttributeAudit, Audit, Level, audit
from nasion.audit.consistency import Consistency, LandmarkConsistency
from nasion.audit.table import AuditTable, Labels, join, read_labels

__all__ = [
    "AttributeAudit",
    "Audit",
    "AuditTable",
    "Consistency",
    "Labels",
    "LandmarkConsistency",
    "Level",
    "audit",
    "join",
    "read_labels",
]
