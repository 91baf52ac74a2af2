"""POST /training/start from N threads at the same moment: `start_burst.py URL CONFIG N GO_FILE`.

The program prints `ready`, starts once GO_FILE exists, and prints the responses as a JSON list of [code, body].
"""

import json
import sys
import threading
import time
from pathlib import Path

import requests

url, config_name, number, go_file = sys.argv[1:]
answers = []
gate = threading.Barrier(int(number) + 1)


def post() -> None:
    gate.wait()
    answer = requests.post(f"{url}/training/start", json={"config_name": config_name}, timeout=60)
    answers.append([answer.status_code, answer.json()])


threads = [threading.Thread(target=post) for _ in range(int(number))]
for thread in threads:
    thread.start()
print("ready", flush=True)
while not Path(go_file).exists():
    time.sleep(0.005)
gate.wait()
for thread in threads:
    thread.join()
print(json.dumps(answers))
