"""The classes of COCO (Lin et al., 2014), which most published detectors know."""

NAMES: tuple[str, ...] = tuple(
    """\
person, bicycle, car, motorcycle, airplane, bus, train, truck, boat, traffic light,
fire hydrant, stop sign, parking meter, bench, bird, cat, dog, horse, sheep, cow, elephant,
bear, zebra, giraffe, backpack, umbrella, handbag, tie, suitcase, frisbee, skis, snowboard,
sports ball, kite, baseball bat, baseball glove, skateboard, surfboard, tennis racket,
bottle, wine glass, cup, fork, knife, spoon, bowl, banana, apple, sandwich, orange,
broccoli, carrot, hot dog, pizza, donut, cake, chair, couch, potted plant, bed,
dining table, toilet, tv, laptop, mouse, remote, keyboard, cell phone, microwave, oven,
toaster, sink, refrigerator, book, clock, vase, scissors, teddy bear, hair drier, toothbrush
""".replace("\n", " ")
    .strip()
    .split(", ")
)
"""The 80 that have objects, in the order of their labels."""

NO_CLASS = "N/A"
"""What a label is called that no object has."""
_WITHOUT_OBJECTS = (12, 26, 29, 30, 45, 66, 68, 69, 71, 83)

LABELS: dict[int, str] = dict(
    zip((label for label in range(1, 91) if label not in _WITHOUT_OBJECTS), NAMES, strict=True)
)
"""Name by label, 1 to 90: what a network says that was trained on COCO's own numbers."""
