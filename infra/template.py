"""Finish the template that Chalice made: fixed names, machines' texts, the task's settings.

What is merged by Chalice cannot read a file or follow a name, so that is done here, by pure
functions over the loaded template. The result is JSON, which knows no anchors.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

APP: Final = "holdfast"
CODE: Final = "deployment.zip"
FUNCTION: Final = "AWS::Serverless::Function"
MACHINE: Final = "AWS::StepFunctions::StateMachine"
TASK: Final = "AWS::ECS::TaskDefinition"
Template = dict[str, Any]


class TemplateLoader(yaml.SafeLoader):
    """Read YAML with the short forms of CloudFormation's functions."""


def _function(loader: TemplateLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    elif isinstance(node, yaml.MappingNode):
        value = loader.construct_mapping(node, deep=True)
    else:
        raise yaml.YAMLError(f"!{suffix} stands before nothing")
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}": value}


TemplateLoader.add_multi_constructor("!", _function)


def loaded(path: Path) -> Template:
    """Read a template; functions come in their long form."""
    template: Template = yaml.load(path.read_text(), Loader=TemplateLoader)  # noqa: S506 - a safe loader with our functions
    return template


def finished(template: Template, definitions: Path) -> Template:
    """Return the template as it is deployed; nothing of the given one is changed."""
    whole: Template = json.loads(json.dumps(template))
    resources: Template = whole["Resources"]
    for name, resource in list(resources.items()):
        properties = resource.get("Properties", {})
        if resource.get("Type") == FUNCTION:
            _name_function(resources, name)
        elif resource.get("Type") == MACHINE:
            text = (definitions / properties["DefinitionString"]).read_text()
            properties["DefinitionString"] = json.dumps(json.loads(text))
        elif resource.get("Type") == TASK:
            settings = whole["Globals"]["Function"]["Environment"]["Variables"]
            properties["ContainerDefinitions"][0]["Environment"] = as_pairs(settings)
    return whole


def only_for(template: Template, architecture: str) -> Template:
    """Return the template for the one architecture that the zip's wheels were made for.

    CloudFormation then refuses a stage whose image or parameters are of the other one.
    """
    narrowed: Template = json.loads(json.dumps(template))
    narrowed["Parameters"]["Architecture"] |= {
        "AllowedValues": [architecture],
        "Default": architecture,
    }
    task = narrowed["Resources"]["WorkerTask"]["Properties"]
    task["RuntimePlatform"]["CpuArchitecture"] = architecture.upper()
    return narrowed


def _name_function(resources: Template, logical_id: str) -> None:
    # a name of ours, and the log group by that name: CloudFormation would make up another one
    fixed = f"{APP}-${{Stage}}-{chalice_name(logical_id)}"
    resources[logical_id]["Properties"]["FunctionName"] = {"Fn::Sub": fixed}
    group = resources.get(logical_id.replace("API", "Api") + "LogGroup")
    if group is not None:
        group["Properties"]["LogGroupName"] = {"Fn::Sub": f"/aws/lambda/{fixed}"}


def chalice_name(logical_id: str) -> str:
    """Return the function's name in app.py for the id Chalice made of it: link_signer."""
    if logical_id == "APIHandler":
        return "api_handler"
    words = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in logical_id)
    return words.removeprefix("_")


def as_pairs(settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return settings as ECS wants them."""
    return [{"Name": name, "Value": value} for name, value in settings.items()]


def with_code(template: Template, bucket: str, key: str) -> Template:
    """Return the template with the place of the uploaded zip in all functions."""
    placed: Template = json.loads(json.dumps(template))
    for resource in placed["Resources"].values():
        if resource.get("Type") == FUNCTION:
            resource["Properties"]["CodeUri"] = {"Bucket": bucket, "Key": key}
    return placed
