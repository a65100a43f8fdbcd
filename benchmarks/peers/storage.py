"""Table formats as peers of the store: DuckLake, Iceberg and Delta. Prints JSON.

`commits SYSTEM CATALOG FOLDER ROWS BUDGET_S` or `reads SYSTEM CATALOG FOLDER ROWS …`.
"""

import json
import sys

import storage_commits
import storage_reads


def main():
    what, *arguments = sys.argv[1:]
    measure = {"commits": storage_commits.measure, "reads": storage_reads.measure}[what]
    print(json.dumps(measure(*arguments)))


if __name__ == "__main__":
    main()
