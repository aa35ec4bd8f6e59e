"""Imports every module of the generated client, and makes a company as a caller would."""

import importlib
import pkgutil

import greenlight_client
from greenlight_client.models import CompanyInput

for module in pkgutil.walk_packages(greenlight_client.__path__, "greenlight_client."):
    importlib.import_module(module.name)
company = CompanyInput.from_dict({"name": "Alibaba", "jurisdiction": "CN"})
assert company.to_dict() == {"name": "Alibaba", "jurisdiction": "CN"}, company
