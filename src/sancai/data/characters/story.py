"""Small stories about a character, told from its look by a grammar of plots.

    text = story(person(wording, who, rng, "blacksmith"), rng)

A story has two to five sentences: who it is, what happens, what is done about it, how it ends.  Every part of a plot
follows from the part before; only what the look shows is worn or used.
"""

import random

from sancai.data.characters.persons import Person, fill

OPENINGS = (
    "{name} was a {trait} {noun} from {place}.", "In {place} lived a {trait} {noun} called {name}.",
    "Everyone in {place} knew {name}, the {trait} {noun}.",
    "Once there was a {trait} {noun} named {name} who came from {place}.",
    "{name}, a {noun} from {place}, was known to be {trait}.",
)  # fmt: skip
GARMENTS = (
    "Nobody ever saw {him} without {his} {garment}.", "{His} {garment} could be seen from far away.",
    "{He} was proud of {his} {garment}.", "An old friend had given {him} the {garment} {he} wore.",
)  # fmt: skip

PLOTS: tuple[tuple[str, tuple[str, ...], tuple[str, ...], tuple[str, ...]], ...] = (
    # who may have it | what happens | what is done | how it ends
    ("any", ("One morning the bridge over the river was gone.", "One night a storm took the only bridge away."),
     ("{name} gathered the neighbours and they built a new one in three days.",
      "{name} carried stones from dawn to dusk until people could cross again."),
     ("Since then it bears {his} name.", "The first to cross it was a child with flowers for {him}.")),
    ("any", ("One winter the well ran dry.", "One hot summer there was no water left in the well."),
     ("{name} walked for two days and found a spring behind the hills.",
      "{name} dug where the frogs were singing and found fresh water."),
     ("That evening everyone drank to {his} health.", "Today the spring is still clear and cold.")),
    ("any", ("One day {he} found a map in an old chest.", "A dying traveler once gave {him} a torn map."),
     ("It led {him} through caves and over cold mountains.", "{He} followed it for a month, alone and hungry."),
     ("At the end there was no gold, only a garden, and {he} never left it.",
      "The treasure was a single book, and it made {him} wise.",
      "{He} came home with empty hands and a hundred stories.")),
    ("any", ("One autumn a stranger asked {him} for shelter.", "On a rainy night someone knocked at {his} door."),
     ("{name} gave the stranger soup and a warm place by the fire.",
      "{name} shared the last bread and asked no questions."),
     ("In the morning the stranger was gone, and a bag of silver lay on the table.",
      "Years later the stranger came back as a king and did not forget {him}.")),
    ("any", ("One day the king's cat was lost.", "One evening the mayor's dog ran away."),
     ("While all others shouted, {name} sat down and waited with a piece of cheese.",
      "{name} followed the tracks through the mud until midnight."),
     ("They say the animal has slept at {his} feet ever since.", "The reward was small, but {he} had made a friend.")),
    ("any", ("Every year there was a great contest at the fair.",
             "At the summer fair they looked for the best dancer."),
     ("{name} had never dared to take part, but this time {he} stepped forward.",
      "{name} fell twice and got up twice, and the crowd began to clap."),
     ("{He} came last and was happier than the winner.", "To everyone's surprise, {he} won.")),
    ("armed", ("One night wolves came down to the sheep.", "Bandits came to take the harvest."),
     ("{name} stood at the gate with {his} {held} and did not step back.",
      "{name} took {his} {held} and went out alone."),
     ("At dawn the enemies were gone, and not one animal was missing.", "They never came back.",
      "People still sing about that night.")),
    ("armed", ("A dragon slept in the old tower, and nobody dared to pass.",
               "Something in the mine made strange noises."),
     ("{name} went in with {his} {held}, and everyone waited outside.",
      "{name} lit a torch, gripped the {held} and went down."),
     ("{He} came out laughing: it was only the wind.",
      "What {he} saw there {he} never told, but the road is safe now.")),
    ("magic", ("A curse lay upon the fields, and nothing grew.", "A strange fog covered the town for weeks."),
     ("{name} raised {his} {held} and spoke three quiet words.",
      "{name} drew a circle with {his} {held} and waited for the moon."),
     ("The next day the first green leaves appeared.", "By morning the sun was back, and {he} was fast asleep.")),
    ("magic", ("A lost star had fallen into the lake.", "The moon did not rise for seven nights."),
     ("With {his} {held} {name} lifted it gently out of the water.",
      "{name} climbed the highest hill and called to it with {his} {held}."),
     ("Since then {he} has owed nobody a single wish.", "The night was bright again, and children danced.")),
)  # fmt: skip
ENDINGS = ("And that is why children still ask about {name}.", "That is the whole story.",
           "{name} only smiled when people spoke of it.",
           "Perhaps it even happened like that.", "{He} went back to work the next morning.")  # fmt: skip


def story(who: Person, rng: random.Random) -> str:
    """Return a story of two to five sentences."""
    kinds = ("any",) + (("armed", "armed") if who.armed else ("magic", "magic") if who.magical else ())
    kind = rng.choice(kinds)
    _, begins, acts, ends = rng.choice([plot for plot in PLOTS if plot[0] == kind])
    parts = [rng.choice(OPENINGS)]
    if who.garment and rng.random() < 0.35:
        parts.append(rng.choice(GARMENTS))
    if rng.random() < 0.08 and len(parts) == 1:
        return " ".join(fill(part, who, rng) for part in (*parts, rng.choice(GARMENTS if who.garment else ENDINGS)))
    parts += [rng.choice(begins), rng.choice(acts), rng.choice(ends)]
    if len(parts) < 5 and rng.random() < 0.2:
        parts.append(rng.choice(ENDINGS))
    return " ".join(fill(part, who, rng) for part in parts)
