"""What is asked: filters as people would type them, sorts, first and deep pages."""

from dataclasses import dataclass

PAGE = 20


@dataclass(frozen=True)
class Question:
    """One search; ``deep`` is how far into the results the deep page lies, a fraction."""

    filter: str
    sort: str
    deep: float = 0.5


SEARCHES = (
    Question("", "id"),
    Question("", "accuracy:desc"),
    Question("", "created:desc", 0.9),
    Question("region = vision", "accuracy:desc"),
    Question("region = audition.speech", "created:desc"),
    Question("region IN (language, emotion)", "parameters"),
    Question("function = detection", "accuracy:desc"),
    Question("function = face_recognition AND accuracy >= 90%", "size"),
    Question("region = vision AND (function = detection OR function = tracking)", "created:desc"),
    Question("region = vision AND NOT function = detection", "accuracy:desc"),
    Question("category = ResNet AND data_set = ImageNet", "accuracy:desc"),
    Question('category = ViT AND NOT platform ~ "PyTorch 1"', "parameters:desc"),
    Question('optimizer = adamw AND platform = "PyTorch 2.13"', "accuracy:desc"),
    Question("optimizer != adam AND accuracy 60%..80%", "accuracy"),
    Question("accuracy >= 95%", "parameters"),
    Question("accuracy >= 50% AND parameters 1M..25M", "size:desc"),
    Question("parameters < 1M", "accuracy:desc"),
    Question("size > 400MB AND modality = image", "created:desc"),
    Question("created >= 2026-01-01 AND region = vision", "name"),
    Question("created 2025-01-01..2025-03-31", "accuracy:desc"),
    Question("accuracy IS MISSING", "created:desc"),
    Question("kind = fused", "accuracy:desc"),
    Question("modality = audio AND data_set IN (ESC50, AudioSet, GTZAN)", "accuracy:desc"),
    Question("NOT (region = vision OR region = audition) AND accuracy > 70%", "name:desc"),
    Question("data_set = MNIST OR (category = LeNet AND optimizer = sgd)", "version:desc"),
    Question("network = resnet_base.image", "accuracy:desc"),
)

FACETS = (
    "",
    "region = vision",
    "function = detection AND accuracy >= 80%",
    "accuracy >= 50%",
    'NOT platform ~ "PyTorch 1"',
    "optimizer = adamw OR data_set = COCO",
    "parameters 1M..25M",
    "category = ResNet",
    "created >= 2026-01-01",
    "kind = fused",
)

TEXTS = ("resnet", "resnet imagenet", "yolo tracking", "speech wav2vec base", "no_such_word")
