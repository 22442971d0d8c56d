"""Print the lowest versions that pyproject.toml allows, as constraints: `make test-lowest`.

Those of `project.dependencies` and the extras alone: what users install. The tools of the groups
(pytest, hypothesis, ...) are installed as new as these allow.
"""

import re
import sys
import tomllib

with open("pyproject.toml", "rb") as file:
    project = tomllib.load(file)["project"]
optional = project["optional-dependencies"].values()
for line in sorted({*project["dependencies"], *(one for extra in optional for one in extra)}):
    if line.startswith(project["name"]):
        continue  # an extra made of others
    parts = re.fullmatch(r"([\w.-]+)>=([\w.]+)", line)
    if not parts:
        sys.exit(f"{line!r} in pyproject.toml has no lower bound")
    print(f"{parts[1]}=={parts[2]}")
