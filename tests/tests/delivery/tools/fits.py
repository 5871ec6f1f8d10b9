"""fits.py SCHEMA.json FILE.yaml: exit code 1 where the file does not fit the JSON schema."""
import json
import sys

import jsonschema
import yaml

with open(sys.argv[1]) as schema, open(sys.argv[2]) as document:
    faults = list(jsonschema.Draft201909Validator(json.load(schema)).iter_errors(yaml.safe_load(document)))
for fault in faults:
    print(f"{'/'.join(map(str, fault.absolute_path))}: {fault.message}", file=sys.stderr)
sys.exit(1 if faults else 0)
