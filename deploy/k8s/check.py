"""Checks the Kubernetes manifests and the compose file: shape, references, and what every container must have.

Shape: each document against the typed schema of its kind, where a field that does not exist is a mistake.
References: what a document names (ConfigMap, account, port, labels, binary, variable) exists.
All mistakes are listed; any one fails the check.
"""

import pathlib
import re
import shutil
import subprocess
import sys

import kubernetes_validate
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
K8S = ROOT / "deploy/k8s"
# Folders that are rendered; the second stands on its own, the first expects NATS and Redis.
RENDERED = ["deploy/k8s/base", "deploy/k8s/overlays/dev"]
# The oldest and the newest Kubernetes that the manifests are for.
VERSIONS = ["1.29", "1.37"]
WORKLOADS = {"Deployment", "StatefulSet", "Job"}
# Variables that libraries read by themselves, so that no binary declares them.
STANDARD_VARIABLES = re.compile(r"OTEL_[A-Z_]+")


def main():
    mistakes = []
    for folder in RENDERED:
        documents = render(folder)
        mistakes += [f"{folder}: {mistake}" for mistake in check(documents, complete=shutil.which("kubectl"))]
        print(f"k8s: {folder}: {len(documents)} documents")
    compose = yaml.safe_load((ROOT / "deploy/compose/compose.yaml").read_text())
    mistakes += [f"deploy/compose: {mistake}" for mistake in check_compose(compose)]
    for mistake in mistakes:
        print(f"k8s: {mistake}", file=sys.stderr)
    return 1 if mistakes else 0


def render(folder):
    if shutil.which("kubectl"):
        rendered = subprocess.run(
            ["kubectl", "kustomize", folder], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
        )
        return [document for document in yaml.safe_load_all(rendered.stdout) if document]
    print(f"k8s: no kubectl here, so {folder} is checked file by file and not as a whole", file=sys.stderr)
    return collect(ROOT / folder)


def collect(folder):
    """The documents of a kustomization's resources, without its patches and generators."""
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
    documents = []
    for resource in kustomization.get("resources", []):
        path = (folder / resource).resolve()
        if path.is_dir():
            documents += collect(path)
        else:
            documents += [document for document in yaml.safe_load_all(path.read_text()) if document]
    return documents


def check(documents, complete):
    mistakes = []
    if not documents:
        mistakes.append("nothing was rendered")
    for document in documents:
        mistakes += [f"{title(document)}: {mistake}" for mistake in shape(document)]
    mistakes += duplicates(documents)
    for workload in [document for document in documents if document["kind"] in WORKLOADS]:
        found = pod_mistakes(workload, documents, complete)
        mistakes += [f"{title(workload)}: {mistake}" for mistake in found]
    for document in documents:
        mistakes += [f"{title(document)}: {mistake}" for mistake in selector_mistakes(document, documents)]
    return mistakes


def title(document):
    return f"{document.get('kind')} {document.get('metadata', {}).get('name')}"


def shape(document):
    for version in VERSIONS:
        try:
            kubernetes_validate.validate(document, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            yield f"{version}: {'.'.join(str(part) for part in error.path)}: {error.message}"
        except kubernetes_validate.SchemaNotFoundError as error:
            yield f"{version}: no such kind: {error}"


def duplicates(documents):
    seen = set()
    for document in documents:
        key = (document["apiVersion"], title(document))
        if key in seen:
            yield f"{title(document)} stands twice"
        seen.add(key)


def pod_mistakes(workload, documents, complete):
    spec = workload["spec"]["template"]["spec"]
    yield from account_mistakes(spec, documents)
    for container in spec["containers"]:
        yield from command_mistakes(container)
        yield from variable_mistakes(container, documents, complete)
        # What follows comes from a patch, which only a rendering applies.
        if complete:
            yield from image_mistakes(container["image"])
            yield from security_mistakes(spec, container)
            yield from resource_mistakes(container)
            if workload["kind"] != "Job":
                yield from probe_mistakes(container)
    yield from identity_mistakes(workload)
    if complete:
        yield from volume_mistakes(spec, documents)


def named(documents, kind):
    return {document["metadata"]["name"]: document for document in documents if document["kind"] == kind}


def account_mistakes(spec, documents):
    account = named(documents, "ServiceAccount").get(spec.get("serviceAccountName"))
    if account is None:
        yield "its service account does not exist"
    elif account.get("automountServiceAccountToken") is not False:
        yield "its service account mounts a token"


def image_mistakes(image):
    name, _, tag = image.partition(":")
    if not tag or tag == "latest":
        yield f"image {name} has no fixed tag"


def security_mistakes(spec, container):
    pod, own = spec.get("securityContext", {}), container.get("securityContext", {})
    wanted = {
        "runAsNonRoot": pod.get("runAsNonRoot") is True,
        "seccompProfile RuntimeDefault": pod.get("seccompProfile", {}).get("type") == "RuntimeDefault",
        "automountServiceAccountToken false": spec.get("automountServiceAccountToken") is False,
        "allowPrivilegeEscalation false": own.get("allowPrivilegeEscalation") is False,
        "readOnlyRootFilesystem": own.get("readOnlyRootFilesystem") is True,
        "all capabilities dropped": own.get("capabilities", {}).get("drop") == ["ALL"],
    }
    for what, holds in wanted.items():
        if not holds:
            yield f"lacks {what}"


def resource_mistakes(container):
    resources = container.get("resources", {})
    for kind, what in [("requests", "cpu"), ("requests", "memory"), ("limits", "memory")]:
        if what not in resources.get(kind, {}):
            yield f"lacks {kind}.{what}"


def probe_mistakes(container):
    ports = {port["name"] for port in container.get("ports", [])}
    for probe in ["livenessProbe", "readinessProbe"]:
        if probe not in container:
            yield f"lacks a {probe}"
    for probe in ["startupProbe", "livenessProbe", "readinessProbe"]:
        how = container.get(probe, {})
        port = how.get("httpGet", how.get("tcpSocket", {})).get("port")
        if port is not None and port not in ports:
            yield f"{probe} asks at port {port}, which it has not"


def command_mistakes(container):
    for word in container.get("command", []):
        if word.startswith("federation-") and word not in binaries():
            yield f"there is no binary {word}"


def variable_mistakes(container, documents, complete):
    names = {variable["name"] for variable in container.get("env", [])}
    maps = named(documents, "ConfigMap")
    for variable in container.get("env", []):
        key = variable.get("valueFrom", {}).get("configMapKeyRef")
        if key and complete and key["key"] not in maps.get(key["name"], {}).get("data", {}):
            yield f"{variable['name']} is taken from {key['name']}.{key['key']}, which does not exist"
    for source in container.get("envFrom", []):
        source = maps.get(source["configMapRef"]["name"])
        if source is None:
            yield "takes variables from a ConfigMap that does not exist"
        else:
            names |= set(source["data"])
    for name in sorted(names - variables()):
        if not STANDARD_VARIABLES.fullmatch(name):
            yield f"no binary reads {name}"


def volume_mistakes(spec, documents):
    maps = named(documents, "ConfigMap")
    for volume in spec.get("volumes", []):
        for source in volume.get("projected", {}).get("sources", [volume]):
            if "configMap" in source and source["configMap"]["name"] not in maps:
                yield f"mounts the ConfigMap {source['configMap']['name']}, which does not exist"
            for secret in mounted_secrets(source):
                if secret not in secrets():
                    yield f"mounts the Secret {secret}, which deploy/k8s/identities does not make"


def mounted_secrets(source):
    """The Secret of a volume, where it names it `secretName`, or of a part of a projected one, where it is `name`."""
    return [source["secret"].get("secretName", source["secret"].get("name"))] if "secret" in source else []


def identity_mistakes(workload):
    """Each of our services mounts the seed of its own identity, and no other Secret."""
    spec = workload["spec"]["template"]["spec"]
    ours = any(word.startswith("federation-") for one in spec["containers"] for word in one.get("command", []))
    found = [secret for volume in spec.get("volumes", []) for secret in mounted_secrets(volume)]
    wanted = [f"identity-{workload['metadata']['name']}"]
    if ours and found != wanted:
        yield f"mounts the Secrets {found}, expected {wanted}"


def selector_mistakes(document, documents):
    spec = document.get("spec", {})
    if document["kind"] == "Service":
        selector = spec["selector"]
        wanted = {port["targetPort"] for port in spec["ports"]}
    elif document["kind"] in {"PodDisruptionBudget", "NetworkPolicy"}:
        selector = spec.get("selector", spec.get("podSelector"))["matchLabels"]
        rules = spec.get("ingress", [])
        wanted = {port["port"] for rule in rules for port in rule.get("ports", [])}
    else:
        return
    templates = [workload["spec"]["template"] for workload in documents if workload["kind"] in WORKLOADS]
    chosen = [pod for pod in templates if selector.items() <= pod["metadata"]["labels"].items()]
    if not chosen:
        yield f"no pod has the labels {selector}"
    containers = [container for pod in chosen for container in pod["spec"]["containers"]]
    ports = {port["name"] for container in containers for port in container.get("ports", [])}
    if shutil.which("kubectl"):
        for port in sorted(wanted - ports):
            yield f"no chosen pod has a port {port}"


def check_compose(compose):
    for name, service in compose["services"].items():
        for mistake in image_mistakes(service["image"]):
            yield f"{name}: {mistake}"
        for mistake in command_mistakes(service):
            yield f"{name}: {mistake}"
        if service["image"].startswith("federation:"):
            for variable in sorted(set(service.get("environment", {})) - variables()):
                if not STANDARD_VARIABLES.fullmatch(variable):
                    yield f"{name}: no binary reads {variable}"
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if not source.startswith(".") and source not in compose["volumes"]:
                yield f"{name}: mounts {source}, which does not exist"
        for needed in service.get("depends_on", {}):
            if needed not in compose["services"]:
                yield f"{name}: waits for {needed}, which does not exist"


def secrets():
    """The Secrets that are made from what federation-identities writes; it is never there when this runs."""
    made = yaml.safe_load((K8S / "identities/kustomization.yaml").read_text())
    return {secret["name"] for secret in made["secretGenerator"]}


def manifests():
    return [path for path in ROOT.glob("**/Cargo.toml") if "target" not in path.relative_to(ROOT).parts]


def binaries():
    found = set()
    for manifest in manifests():
        found |= set(re.findall(r'^name = "(federation-[a-z]+)"', manifest.read_text(), re.MULTILINE))
    return found


def variables():
    """The variables that command lines declare: `env = "NAME"` in an argument's attribute."""
    found = set()
    for manifest in manifests():
        for source in (manifest.parent / "src").glob("**/*.rs"):
            found |= set(re.findall(r'\benv = "([A-Z_]+)"', source.read_text()))
    return found


if __name__ == "__main__":
    sys.exit(main())
