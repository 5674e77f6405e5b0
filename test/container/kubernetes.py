#!/usr/bin/python3
"""Holds docker/kubernetes and docker/kubernetes-queue to the schemas of the Kubernetes API, to itself and to finpostd: selectors, ports,
times, memory, options. Sees every kind of check fail with a broken manifest.

    kubernetes.py FINPOSTD FOLDER        the packages of npm are kept in FOLDER
"""

import copy
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

import places
from places import peers

peers.need("node", "npm")
yaml = places.yaml()

MANIFESTS = os.path.join(places.DOCKER, "kubernetes")
WITH_QUEUE = os.path.join(places.DOCKER, "kubernetes-queue")
NPM = os.path.join(places.HERE, "manifests")
MIB = 1024 * 1024


def install(folder):
    """What the lock file says, once; its checksums are verified by npm."""
    os.makedirs(folder, exist_ok=True)
    lock = os.path.join(NPM, "package-lock.json")
    done = os.path.join(folder, "node_modules", ".package-lock.of")
    if os.path.exists(done) and open(done, "rb").read() == open(lock, "rb").read():
        return
    for name in ("package.json", "package-lock.json"):
        shutil.copy(os.path.join(NPM, name), folder)
    ran = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder,
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                         text=True, timeout=300)
    if ran.returncode:
        peers.skip(f"npm cannot install the schemas: {ran.stdout.strip().splitlines()[-1:]}")
    shutil.copy(lock, done)


def load():
    """The manifests by kind."""
    with open(os.path.join(MANIFESTS, "kustomization.yaml"), encoding="utf-8") as file:
        listed = yaml.safe_load(file)["resources"]
    there = sorted(os.path.basename(path) for path in glob.glob(os.path.join(MANIFESTS, "*.yaml")))
    peers.expect(sorted([*listed, "kustomization.yaml"]) == there,
                 "kustomization.yaml does not list the files that are there")
    found = {}
    for name in listed:
        with open(os.path.join(MANIFESTS, name), encoding="utf-8") as file:
            for manifest in yaml.safe_load_all(file):
                found[manifest["kind"]] = manifest
    return found


def add_at(manifest, path, value):
    """What a JSON patch of kind `add` does."""
    *steps, last = [step.replace("~1", "/").replace("~0", "~") for step in path.strip("/").split("/")]
    place = manifest
    for step in steps:
        place = place[int(step) if isinstance(place, list) else step]
    if isinstance(place, list):
        peers.expect(last == "-", f"{path}: the end of a list is meant")
        place.append(value)
    else:
        place[last] = value


def load_with_queue(manifests):
    """The manifests of docker/kubernetes as docker/kubernetes-queue changes them, and its own."""
    with open(os.path.join(WITH_QUEUE, "kustomization.yaml"), encoding="utf-8") as file:
        overlay = yaml.safe_load(file)
    own = sorted(name for name in os.listdir(WITH_QUEUE) if name != "kustomization.yaml")
    peers.expect(sorted(overlay["resources"]) == sorted(["../kubernetes", *own]),
                 "kubernetes-queue/kustomization.yaml does not list the files that are there")
    found = copy.deepcopy(manifests)
    for patch in overlay["patches"]:
        for change_of in yaml.safe_load(patch["patch"]):
            peers.expect(change_of["op"] == "add", f"not read here: {change_of}")
            add_at(found[patch["target"]["kind"]], change_of["path"], change_of["value"])
    more = {}
    for name in own:
        with open(os.path.join(WITH_QUEUE, name), encoding="utf-8") as file:
            manifest = yaml.safe_load(file)
        more[manifest["kind"]] = manifest
    return found, more


def against_each_other(found, more):
    """Whoever reads the secret has it mounted where the options say; yields complaints."""
    env = found["ConfigMap"]["data"]
    for pod in (found["Deployment"]["spec"]["template"]["spec"], more["Job"]["spec"]["template"]["spec"]):
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        mounts = {mount["mountPath"]: volumes.get(mount["name"], {}) for mount in pod["containers"][0]["volumeMounts"]}
        folder, name = os.path.split(env["FINPOST_QUEUE_PASSWORD_FILE"])
        if mounts.get(folder, {}).get("secret", {}).get("secretName") != more["Secret"]["metadata"]["name"]:
            yield f"no secret is mounted at {folder}"
        if name not in more["Secret"]["stringData"]:
            yield f"the secret has no {name}"
        if pod["securityContext"].get("fsGroup") != pod["securityContext"]["runAsGroup"]:
            yield "the secret cannot be read"
    if "emptyDir" not in str(found["Deployment"]) or "persistentVolumeClaim" in str(found["Deployment"]):
        yield "a gateway has a volume of its own"


def against_schemas(manifests, folder):
    modules = os.path.join(folder, "node_modules")
    listed = [{"where": kind, "manifest": manifest} for kind, manifest in manifests.items()]
    ran = subprocess.run(["node", os.path.join(NPM, "validate.js")], input=json.dumps(listed),
                         env={**os.environ, "NODE_PATH": modules}, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, text=True, timeout=120)
    if ran.returncode > 1 or (ran.returncode and not ran.stdout):
        raise peers.Failed(f"the validator failed: {ran.stdout}")
    return ran.stdout.splitlines()


def seconds(text):
    number, unit = re.fullmatch(r"(\d+)(ms|s|m|h)", text).groups()
    return int(number) * {"ms": 0.001, "s": 1, "m": 60, "h": 3600}[unit]


def mebibytes(text):
    return int(re.fullmatch(r"(\d+)Mi(?:B)?", text)[1])


def against_itself(manifests, options):
    """What no schema can know; yields complaints."""
    pod = manifests["Deployment"]["spec"]["template"]
    container = pod["spec"]["containers"][0]
    env = manifests["ConfigMap"]["data"]
    labels = pod["metadata"]["labels"]
    for where, selector in (
            ("Deployment", manifests["Deployment"]["spec"]["selector"]["matchLabels"]),
            ("Service", manifests["Service"]["spec"]["selector"]),
            ("PodDisruptionBudget", manifests["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"]),
            ("NetworkPolicy", manifests["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"])):
        if not selector.items() <= labels.items():
            yield f"{where} selects other pods"
    ports = {port["name"] for port in container["ports"]}
    used = [port["targetPort"] for port in manifests["Service"]["spec"]["ports"]]
    used += [container[probe]["httpGet"]["port"] for probe in container if probe.endswith("Probe")]
    used += [port["port"] for rule in manifests["NetworkPolicy"]["spec"]["ingress"] for port in rule["ports"]]
    for port in used:
        if port not in ports:
            yield f"the container has no port {port}"
    if manifests["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]["name"] != \
            manifests["Deployment"]["metadata"]["name"]:
        yield "HorizontalPodAutoscaler scales something else"
    if container["envFrom"][0]["configMapRef"]["name"] != manifests["ConfigMap"]["metadata"]["name"]:
        yield "the container reads another ConfigMap"
    for name in env:
        if name not in options:
            yield f"finpostd has no {name}"
    drain = seconds(env["FINPOST_DRAIN"])
    stop = seconds(env["FINPOST_DRAIN_DELAY"]) + drain
    if stop >= pod["spec"]["terminationGracePeriodSeconds"]:
        yield f"SIGKILL comes before the {stop:g} s of the drain are over"
    longest = sum(seconds(env[f"FINPOST_{stage}_TOTAL"]) for stage in ("RECEIVE", "UPSTREAM", "REPLY"))
    if longest > drain:
        yield f"an exchange of {longest:g} s is cut by a drain of {drain:g} s"
    ready = container["readinessProbe"]
    if ready["periodSeconds"] * ready["failureThreshold"] >= seconds(env["FINPOST_DRAIN_DELAY"]):
        yield "the listeners close before the readiness probe has seen the drain"
    if 2 * mebibytes(env["FINPOST_MAX_BUFFERED"]) > mebibytes(container["resources"]["limits"]["memory"]):
        yield "the memory limit has no room beside the buffers"
    mounts = [mount["mountPath"] for mount in container.get("volumeMounts", [])]
    if env.get("FINPOST_SPILL_ABOVE") != "off" and env.get("FINPOST_SPILL_DIR", "/tmp") not in mounts:
        yield "the root file system is read-only, and large payloads have no other place"


def starts_with(options_of, program, folder):
    """finpostd takes the options of the ConfigMap, and has them in force."""
    for name, value in options_of.items():
        os.environ[name] = value
    # The upstream is a name of the cluster.
    with peers.Gateway(program, folder, ["http://127.0.0.1:1/upload"]) as gateway:
        peers.expect(gateway.events("ready")[0]["threads"] == int(options_of["FINPOST_THREADS"]),
                     "the variables have no effect")
        limit = gateway.metric("finpost_buffered_bytes_limit")
        peers.expect(limit == mebibytes(options_of["FINPOST_MAX_BUFFERED"]) * MIB, "another limit")
        gateway.process.terminate()
        gateway.process.terminate()
        peers.until(lambda: gateway.process.poll() is not None, "the end of the gateway", 60)


def change(manifests, *path_and_value):
    *path, last, value = path_and_value
    broken = copy.deepcopy(manifests)
    place = broken
    for step in path:
        place = place[step]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return broken


POD = ("Deployment", "spec", "template", "spec")
CONTAINER = (*POD, "containers", 0)
BROKEN_FOR_SCHEMAS = [
    (*CONTAINER, "readinessprobe", {}),                                     # an unknown name
    (*CONTAINER, "ports", 0, "containerPort", "5000"),                      # a wrong type
    ("Deployment", "spec", "selector", None),                               # something required
    ("HorizontalPodAutoscaler", "spec", "minReplicas", 2.5),                # not a whole number
    ("PodDisruptionBudget", "apiVersion", "policy/v2"),                     # an API that is not there
]
BROKEN_IN_ITSELF = [
    ("Service", "spec", "selector", {"app": "other"}),
    ("Service", "spec", "ports", 0, "targetPort", "http"),
    (*POD, "terminationGracePeriodSeconds", 30),
    ("ConfigMap", "data", "FINPOST_UPSTREAM_TOTAL", "2m"),
    ("ConfigMap", "data", "FINPOST_DRAIN_DELAY", "1s"),
    ("ConfigMap", "data", "FINPOST_UPSTREAMS", "http://x/"),
    ("ConfigMap", "data", "FINPOST_MAX_BUFFERED", "512MiB"),
    ("ConfigMap", "data", "FINPOST_SPILL_DIR", "/var/spill"),
]


def main():
    program, folder = sys.argv[1:3]
    install(folder)
    manifests = load()
    for wrong in against_schemas(manifests, folder):
        raise peers.Failed(wrong)
    help_text = subprocess.run([program, "--help"], stdout=subprocess.PIPE, text=True, timeout=20).stdout
    options = set(re.findall(r"FINPOST_\w+", help_text))
    for wrong in against_itself(manifests, options):
        raise peers.Failed(wrong)
    found, more = load_with_queue(manifests)
    for wrong in [*against_schemas({**found, **more}, folder), *against_itself(found, options), *against_each_other(found, more)]:
        raise peers.Failed(f"with a queue: {wrong}")
    for broken in (("Secret", "metadata", "name", "other"), ("Secret", "stringData", {"x": ""})):
        peers.expect(list(against_each_other(found, change(more, *broken))), f"accepted: {broken}")
    for broken in BROKEN_FOR_SCHEMAS:
        said = against_schemas(change(manifests, *broken), folder)
        peers.expect(said, f"the schemas accept {broken}")
        print(f"a broken manifest: {said[0]}")
    for broken in BROKEN_IN_ITSELF:
        peers.expect(list(against_itself(change(manifests, *broken), options)), f"accepted: {broken}")
    with tempfile.TemporaryDirectory() as place:
        starts_with(manifests["ConfigMap"]["data"], program, place)
    if shutil.which("kubectl"):
        built = subprocess.run(["kubectl", "kustomize", MANIFESTS], stdout=subprocess.PIPE, text=True,
                               timeout=60, check=True).stdout
        peers.expect(len(list(yaml.safe_load_all(built))) == len(manifests), "kustomize lost something")
    print(f"{len(manifests)} manifests are right")


if __name__ == "__main__":
    sys.exit(peers.run(main))
