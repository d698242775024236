"""What a node would start of a pod: the command, environment and files of its container, as the API has stored them."""

import base64


def started(namespace, pod, folder):
    """The container's arguments and its environment. Files are where a node would mount them, but below `folder`."""
    [container] = pod["containers"]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    environment = {}
    for source in container.get("envFrom", []):
        data = namespace.get("secret", source["secretRef"]["name"])["data"]
        environment |= {key: base64.b64decode(value).decode() for key, value in data.items()}
    environment |= {it["name"]: it["value"] for it in container["env"] if "value" in it}
    arguments = container["args"]
    for mount in container["volumeMounts"]:
        if "configMap" not in volumes[mount["name"]]:
            continue
        files = namespace.get("configmap", volumes[mount["name"]]["configMap"]["name"])["data"]
        here = folder / mount["mountPath"].lstrip("/")
        here.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (here / name).write_text(text)
        arguments = [word.replace(mount["mountPath"], str(here)) for word in arguments]
    return arguments, environment
