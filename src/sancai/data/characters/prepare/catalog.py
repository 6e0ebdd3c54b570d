"""Which parts of the art a pack contains, and the exact words for each of them: plain data.

An item is one thing to choose ("a red cape").  It is drawn from one or more parts (definitions of the art);
a part either follows the item's colour or has a fixed one.  The pack's manifest carries everything a reader
of the pack needs, so only `build` reads this file.
"""

from typing import Any

Part = str | tuple[str, str]

TILE = 64
CUSTOM_TILES = {"128": 128, "oversize": 192}
"""Sides of the larger tiles, by a word in their names."""
RAMP_FILES = {
    "body": "body/body_ulpc.json", "hair": "hair/hair_ulpc.json", "cloth": "cloth/cloth_ulpc.json",
    "metal": "metal/metal_ulpc.json", "eye": "eye/eye_ulpc.json",
}  # fmt: skip
DEFAULT_BASE = {"body": "light", "hair": "orange", "cloth": "white", "metal": "steel", "eye": "blue"}
"""The colour in which a recolourable part was drawn, where its definition does not say."""

# Colours: palette or file name in the art → word.  Near-duplicates are left out, so that a colour word is
# always decidable.
CLOTH = {
    "white": "white",
    "gray": "gray",
    "black": "black",
    "brown": "brown",
    "tan": "tan",
    "yellow": "yellow",
    "orange": "orange",
    "red": "red",
    "pink": "pink",
    "lavender": "purple",
    "blue": "blue",
    "sky": "light blue",
    "teal": "teal",
    "green": "green",
}
HAIR = {
    "black": "black",
    "dark_brown": "dark brown",
    "light_brown": "light brown",
    "blonde": "blonde",
    "platinum": "platinum",
    "orange": "orange",
    "red": "red",
    "white": "white",
    "gray": "gray",
    "pink": "pink",
    "purple": "purple",
    "blue": "blue",
    "green": "green",
}
METAL = {"steel": "steel", "iron": "iron", "copper": "copper", "gold": "golden"}
EYE = {"brown": "brown", "blue": "blue", "green": "green", "red": "red"}
SKIN = {
    "light": "fair",
    "amber": "golden",
    "olive": "olive",
    "bronze": "brown",
    "black": "dark",
    "green": "green",
    "dark_green": "dark green",
    "bright_green": "lime green",
    "pale_green": "pale green",
    "blue": "blue",
    "lavender": "lavender",
    "zombie_green": "sickly green",
    "fur_black": "black",
    "fur_brown": "brown",
    "fur_grey": "gray",
    "fur_white": "white",
    "fur_tan": "tan",
    "fur_gold": "golden",
    "fur_copper": "copper",
}
PAINT = {
    "red": "red",
    "blue": "blue",
    "green": "green",
    "black": "black",
    "white": "white",
    "yellow": "yellow",
    "purple": "purple",
    "orange": "orange",
}
GEM = {"blue": "blue", "green": "green", "red": "red", "purple": "purple", "yellow": "yellow", "orange": "orange"}
GLOW = {"blue": "blue", "red": "red"}
ROUND = {"brown": "brown", "black": "black", "gold": "golden", "green": "green", "silver": "silver"}
STAFF = {"medium": "brown", "gold": "golden", "steel": "steel"}
BOW = {"medium": "brown", "gold": "golden"}
BODIES = {"man": "male", "woman": "female"}  # caption word -> upstream body name

# Animations: frames, directions, the 8-frame clip, and the words.
ANIMATIONS: dict[str, dict[str, Any]] = {
    "walk": dict(frames=9, dirs=4, clip=[1, 2, 3, 4, 5, 6, 7, 8], loop=True, verb="walks", ing="walking"),
    "run": dict(frames=8, dirs=4, clip=[0, 1, 2, 3, 4, 5, 6, 7], loop=True, verb="runs", ing="running"),
    "idle": dict(frames=2, dirs=4, clip=[0, 0, 0, 0, 1, 1, 1, 1], loop=True, verb="stands", ing="standing"),
    "jump": dict(frames=5, dirs=4, clip=[0, 1, 2, 3, 4, 3, 1, 0], loop=True, verb="jumps", ing="jumping"),
    "slash": dict(frames=6, dirs=4, clip=[0, 1, 2, 3, 4, 5, 5, 5], loop=False, verb="swings", ing="swinging"),
    "backslash": dict(
        frames=13, dirs=4, clip=[0, 1, 3, 5, 7, 8, 10, 12], loop=False, verb="strikes twice", ing="striking twice"
    ),
    "halfslash": dict(frames=6, dirs=4, clip=[0, 1, 2, 3, 4, 5, 5, 5], loop=False, verb="chops", ing="chopping"),
    "thrust": dict(frames=8, dirs=4, clip=[0, 1, 2, 3, 4, 5, 6, 7], loop=False, verb="thrusts", ing="thrusting"),
    "spellcast": dict(
        frames=7, dirs=4, clip=[0, 1, 2, 3, 4, 5, 5, 6], loop=False, verb="casts a spell", ing="casting a spell"
    ),
    "shoot": dict(frames=13, dirs=4, clip=[0, 1, 3, 5, 7, 9, 10, 12], loop=False, verb="shoots", ing="shooting"),
    "hurt": dict(
        frames=6, dirs=1, only="south", clip=[0, 1, 2, 3, 4, 5, 5, 5], loop=False, verb="collapses", ing="collapsing"
    ),
    "climb": dict(
        frames=6, dirs=1, only="north", clip=[0, 1, 2, 3, 4, 5, 0, 1], loop=True, verb="climbs", ing="climbing"
    ),
    "combat_idle": dict(
        frames=2,
        dirs=4,
        clip=[0, 0, 1, 1, 0, 0, 1, 1],
        loop=True,
        verb="holds a fighting stance",
        ing="holding a fighting stance",
    ),
    "emote": dict(frames=3, dirs=4, clip=[0, 0, 2, 2, 0, 0, 2, 2], loop=True, verb="cheers", ing="cheering"),
    "sit": dict(frames=3, dirs=4, clip=[0] * 8, loop=True, verb="sits on the ground", ing="sitting on the ground"),
}
DIRECTIONS = ["north", "west", "south", "east"]
"""The row order of the sheets."""
DIRECTION_WORDS = {
    "north": "away from the viewer",
    "west": "to the left",
    "south": "towards the viewer",
    "east": "to the right",
}

# Species: who the character is.
HUMAN_SKINS = ["light", "amber", "olive", "bronze", "black"]
GREENS = ["green", "dark_green", "bright_green", "pale_green"]
FURS = ["fur_white", "fur_grey", "fur_brown", "fur_black", "fur_tan", "fur_gold", "fur_copper"]


def _species(man: str, woman: str, skins: list[str], phrase: dict[str, str], **more: Any) -> dict[str, Any]:
    return {"heads": {"man": man, "woman": woman}, "skins": skins, "phrase": phrase, **more}


SPECIES: dict[str, dict[str, Any]] = {
    "human": _species(
        "heads_human_male",
        "heads_human_female",
        HUMAN_SKINS,
        {"man": "a man", "woman": "a woman"},
        skin_word="{c} skin",
        hair=True,
        beard=True,
        face=True,
        weight=10,
    ),
    "elder": _species(
        "heads_human_male_elderly",
        "heads_human_female_elderly",
        HUMAN_SKINS,
        {"man": "an old man", "woman": "an old woman"},
        skin_word="{c} skin",
        hair=True,
        beard=True,
        weight=2,
    ),
    "elf": _species(
        "heads_human_male",
        "heads_human_female",
        HUMAN_SKINS,
        {"man": "a male elf", "woman": "a female elf"},
        skin_word="{c} skin",
        extra=["head_ears_long"],
        hair=True,
        face=True,
        weight=3,
    ),
    "vampire": _species(
        "heads_vampire",
        "heads_vampire",
        ["light", "lavender", "olive"],
        {"man": "a male vampire", "woman": "a female vampire"},
        skin_word="{c} skin",
        hair=True,
        weight=1,
    ),
    "orc": _species(
        "heads_orc_male",
        "heads_orc_female",
        [*GREENS, "blue"],
        {"man": "a male orc", "woman": "a female orc"},
        skin_word="{c} skin",
        hair=True,
        weight=2,
    ),
    "goblin": _species(
        "heads_goblin",
        "heads_goblin",
        GREENS,
        {"man": "a male goblin", "woman": "a female goblin"},
        skin_word="{c} skin",
        weight=1.5,
    ),
    "troll": _species(
        "heads_troll",
        "heads_troll",
        [*GREENS, "blue"],
        {"man": "a male troll", "woman": "a female troll"},
        skin_word="{c} skin",
        weight=1,
    ),
    "lizard": _species(
        "heads_lizard_male",
        "heads_lizard_female",
        [*GREENS, "blue", "lavender"],
        {"man": "a lizardman", "woman": "a lizardwoman"},
        skin_word="{c} scales",
        weight=1.5,
    ),
    "alien": _species(
        "heads_alien",
        "heads_alien",
        ["pale_green", "lavender", "blue", "zombie_green"],
        {"man": "a male alien", "woman": "a female alien"},
        skin_word="{c} skin",
        weight=1,
    ),
    "monster": _species(
        "heads_frankenstein",
        "heads_frankenstein",
        ["zombie_green", "pale_green", "blue"],
        {"man": "a male bolt-necked monster", "woman": "a female bolt-necked monster"},
        skin_word="{c} skin",
        weight=1,
    ),
    "mouse": _species(
        "heads_mouse",
        "heads_mouse",
        FURS,
        {"man": "a mouse man", "woman": "a mouse woman"},
        skin_word="{c} fur",
        weight=1,
    ),
    "rabbit": _species(
        "heads_rabbit",
        "heads_rabbit",
        FURS,
        {"man": "a rabbit man", "woman": "a rabbit woman"},
        skin_word="{c} fur",
        weight=1,
    ),
    "pig": _species(
        "heads_pig",
        "heads_pig",
        ["light", "fur_tan", "fur_brown", "fur_grey"],
        {"man": "a pig man", "woman": "a pig woman"},
        skin_word="{c} hide",
        weight=1,
    ),
    "sheep": _species(
        "heads_sheep",
        "heads_sheep",
        FURS,
        {"man": "a sheep man", "woman": "a sheep woman"},
        skin_word="{c} wool",
        weight=1,
    ),
    "boar": _species(
        "heads_boarman",
        "heads_boarman",
        FURS,
        {"man": "a boar man", "woman": "a boar woman"},
        skin_word="{c} fur",
        weight=1,
    ),
    "skeleton": _species(
        "heads_skeleton",
        "heads_skeleton",
        [],
        {"man": "a skeleton", "woman": "a skeleton"},
        body="body_skeleton",
        only_build="man",
        fixed_color="skeleton",
        weight=1.5,
    ),
}


def _item(
    slot: str, phrase: str, parts: list[Part], colors: dict[str, str] | None = None, **more: Any
) -> dict[str, Any]:
    named = [(part, None) if isinstance(part, str) else part for part in parts]
    return {"slot": slot, "phrase": phrase, "parts": named, "colors": colors, **more}


ITEMS: dict[str, dict[str, Any]] = {
    # hair
    "buzz_cut": _item("hair", "a {c} buzz cut", ["hair_buzzcut"], HAIR),
    "short": _item("hair", "short {c} hair", ["hair_plain"], HAIR),
    "messy": _item("hair", "messy {c} hair", ["hair_halfmessy"], HAIR),
    "spiky": _item("hair", "spiky {c} hair", ["hair_spiked"], HAIR),
    "wild_spikes": _item("hair", "wild {c} spikes of hair", ["hair_spiked_liberty2"], HAIR),
    "pageboy": _item("hair", "a {c} pageboy cut", ["hair_page"], HAIR),
    "curtains": _item("hair", "{c} curtain hair", ["hair_curtains"], HAIR),
    "side_swept": _item("hair", "side-swept {c} hair", ["hair_swoop_side"], HAIR),
    "balding": _item("hair", "balding {c} hair", ["hair_balding"], HAIR, builds=["man"]),
    "afro": _item("hair", "a {c} afro", ["hair_afro"], HAIR),
    "cornrows": _item("hair", "{c} cornrows", ["hair_cornrows"], HAIR),
    "short_dreadlocks": _item("hair", "short {c} dreadlocks", ["hair_dreadlocks_short"], HAIR),
    "long_dreadlocks": _item("hair", "long {c} dreadlocks", ["hair_dreadlocks_long"], HAIR),
    "flat_top": _item("hair", "a {c} flat top", ["hair_flat_top_straight"], HAIR),
    "twists": _item("hair", "{c} twists", ["hair_twists_straight"], HAIR),
    "short_curls": _item("hair", "short {c} curls", ["hair_curly_short"], HAIR),
    "long_curls": _item("hair", "long {c} curls", ["hair_curly_long"], HAIR),
    "big_curls": _item("hair", "huge {c} curls", ["hair_curls_large"], HAIR),
    "bob": _item("hair", "a {c} bob", ["hair_bob"], HAIR),
    "bun": _item("hair", "a {c} bun", ["hair_bangs_bun"], HAIR),
    "half_up": _item("hair", "half-up {c} hair", ["hair_half_up"], HAIR),
    "long": _item("hair", "long {c} hair", ["hair_long_straight"], HAIR),
    "wavy": _item("hair", "wavy {c} hair", ["hair_wavy"], HAIR),
    "very_long": _item("hair", "very long {c} hair", ["hair_xlong"], HAIR),
    "very_long_wavy": _item("hair", "very long wavy {c} hair", ["hair_xlong_wavy"], HAIR),
    "high_ponytail": _item("hair", "a high {c} ponytail", ["hair_high_ponytail"], HAIR),
    "huge_ponytail": _item("hair", "a huge {c} ponytail", ["hair_relm_ponytail"], HAIR),
    "beaded_ponytail": _item("hair", "a beaded {c} ponytail", ["hair_long_tied"], HAIR),
    "side_braid": _item("hair", "a {c} side braid", ["hair_braid"], HAIR),
    "shoulder_tail": _item("hair", "a {c} ponytail over the shoulder", ["hair_shoulderl"], HAIR),
    "topknot": _item("hair", "a {c} topknot", ["hair_topknot_long"], HAIR),
    # beards take the hair colour
    "short_beard": _item("beard", "a short {c} beard", ["beards_trimmed"], HAIR, builds=["man"]),
    "full_beard": _item("beard", "a {c} beard", ["beards_medium"], HAIR, builds=["man"]),
    "long_beard": _item("beard", "a long {c} beard", ["beards_winter"], HAIR, builds=["man"]),
    "handlebar": _item("beard", "a {c} handlebar mustache", ["beards_handlebar"], HAIR, builds=["man"]),
    "walrus": _item("beard", "a bushy {c} mustache", ["beards_walrus"], HAIR, builds=["man"]),
    # faces
    "happy": _item("face", "a happy face", ["face_happy"]),
    "sad": _item("face", "a sad face", ["face_sad"]),
    "angry": _item("face", "an angry face", ["face_angry"]),
    "shocked": _item("face", "a shocked face", ["face_shock"]),
    "eyes_closed": _item("face", "closed eyes", ["face_closed"]),
    # eyewear
    "glasses": _item(
        "eyewear", "{c} glasses", ["facial_glasses"], {k: CLOTH[k] for k in ("black", "red", "blue", "white", "yellow")}
    ),
    "eyepatch": _item(
        "eyewear", "a {c} eyepatch", ["facial_eyepatch_right"], {k: CLOTH[k] for k in ("black", "red", "white")}
    ),
    "mask": _item("eyewear", "a {c} face mask", ["facial_mask_plain"], CLOTH),
    # hats; `cover` hides the hair, `flat` allows only hair that fits under it
    "bandana": _item("hat", "a {c} bandana", ["hat_bandana"], CLOTH, hair="flat"),
    "hood": _item("hat", "a {c} hood", ["hat_hood_cloth"], CLOTH, hair="cover"),
    "headscarf": _item("hat", "a {c} headscarf", ["hat_hood_hijab"], CLOTH, hair="cover"),
    "tricorne": _item("hat", "a {c} tricorne hat", ["hat_tricorne"], CLOTH, hair="flat"),
    "pirate_hat": _item(
        "hat",
        "a {c} pirate hat with a skull",
        ["hat_tricorne_captain", ("hat_tricorne_captain_skull", "white")],
        CLOTH,
        skip_colors=["white"],
        hair="flat",
    ),
    "admiral_hat": _item("hat", "a {c} admiral hat", ["hat_bicorne_athwart_admiral"], CLOTH, hair="flat"),
    "cavalier_hat": _item("hat", "a {c} cavalier hat", ["hat_cap_cavalier"], CLOTH, hair="flat"),
    "feathered_cap": _item(
        "hat",
        "a {c} cap with a feather",
        ["hat_cap_leather", ("hat_cap_leather_feather", "red")],
        CLOTH,
        skip_colors=["red"],
        hair="flat",
    ),
    "wizard_hat": _item("hat", "a {c} wizard hat", ["hat_magic_celestial"], CLOTH, hair="flat"),
    "santa_hat": _item(
        "hat",
        "a {c} Santa hat",
        ["hat_holiday_christmas", ("hat_holiday_santa", "white")],
        CLOTH,
        skip_colors=["white"],
        hair="flat",
    ),
    "headband": _item("hat", "a {c} headband", ["hat_headband_tied"], CLOTH, hair="flat"),
    "mail_coif": _item("hat", "a {c} mail coif", ["hat_helmet_mail"], METAL, hair="cover"),
    "knight_helmet": _item("hat", "a {c} knight helmet", ["hat_helmet_barbuta"], METAL, hair="cover"),
    "great_helm": _item("hat", "a {c} great helm", ["hat_helmet_greathelm"], METAL, hair="cover", hides_face=True),
    "visor_helmet": _item("hat", "a {c} visored helmet", ["hat_helmet_armet"], METAL, hair="cover", hides_face=True),
    "viking_helmet": _item("hat", "a {c} viking helmet", ["hat_helmet_spangenhelm_viking"], METAL, hair="cover"),
    "horned_helmet": _item(
        "hat", "a {c} horned helmet", ["hat_helmet_nasal", ("hat_accessory_horns_upward", "white")], METAL, hair="cover"
    ),
    "winged_helmet": _item(
        "hat", "a {c} winged helmet", ["hat_helmet_nasal", ("hat_accessory_wings", "white")], METAL, hair="cover"
    ),
    "legion_helmet": _item(
        "hat",
        "a {c} legionary helmet",
        ["hat_helmet_legion", ("hat_accessory_plumage_legion", "red")],
        METAL,
        hair="cover",
    ),
    "crested_helmet": _item("hat", "a {c} crested helmet", ["hat_helmet_maximus"], METAL, hair="cover"),
    "kettle_hat": _item("hat", "a kettle hat", [("hat_helmet_kettle", "steel")], hair="flat"),
    # ears and horns
    "cat_ears": _item("ears", "{c} cat ears", ["head_ears_cat"], HAIR),
    "wolf_ears": _item("ears", "{c} wolf ears", ["head_ears_wolf"], HAIR),
    "curled_horns": _item("ears", "curled horns", [("head_horns_curled", "horns")]),
    # tops
    "t_shirt": _item("top", "a {c} t-shirt", ["torso_clothes_tshirt"], CLOTH),
    "long_shirt": _item("top", "a {c} long-sleeved shirt", ["torso_clothes_longsleeve2"], CLOTH),
    "cardigan": _item("top", "a {c} cardigan", ["torso_clothes_longsleeve2_cardigan"], CLOTH),
    "sleeveless": _item("top", "a {c} sleeveless top", ["torso_clothes_sleeveless2"], CLOTH),
    "striped_top": _item(
        "top",
        "a {c} striped tank top",
        ["torso_clothes_sleeveless_striped"],
        CLOTH,
        skip_colors=["white"],
        builds=["man"],
    ),
    "tunic": _item("top", "a {c} tunic", ["torso_clothes_tunic"], CLOTH, builds=["woman"]),
    "blouse": _item("top", "a {c} blouse", ["torso_clothes_blouse"], CLOTH, skip_colors=["brown"], builds=["woman"]),
    "fur_coat": _item(
        "top", "a {c} fur-trimmed coat", ["torso_jacket_santa"], CLOTH, skip_colors=["white"], builds=["man"]
    ),
    "tabard": _item("top", "a {c} tabard", ["torso_jacket_tabard"], CLOTH, skip_colors=["brown"]),
    "leather_armor": _item(
        "top",
        "{c} leather armor",
        ["torso_armour_leather"],
        {k: CLOTH[k] for k in ("brown", "black", "red", "blue", "green", "tan")},
    ),
    "plate_armor": _item("top", "{c} plate armor", ["torso_armour_plate"], METAL),
    "legion_armor": _item("top", "{c} legionary armor", ["torso_armour_legion"], METAL),
    "chainmail": _item("top", "{c} chainmail", ["torso_chainmail"], METAL),
    "kimono": _item("top", "a {c} kimono", ["dress_kimono"], CLOTH, builds=["woman"], full=True),
    "slit_dress": _item("top", "a {c} slit dress", ["dress_slit"], CLOTH, builds=["woman"], full=True),
    # bottoms
    "trousers": _item("bottom", "{c} trousers", ["legs_pants"], CLOTH),
    "shorts": _item("bottom", "{c} shorts", ["legs_shorts"], CLOTH),
    "leggings": _item("bottom", "{c} leggings", ["legs_leggings"], CLOTH),
    "overalls": _item("bottom", "{c} overalls", ["torso_aprons_overalls"], CLOTH),
    "skirt": _item("bottom", "a long {c} skirt", ["legs_skirts_plain"], CLOTH),
    "legion_skirt": _item("bottom", "a {c} legionary skirt", ["legs_skirts_legion"], CLOTH),
    "wide_skirt": _item("bottom", "a wide {c} skirt", ["legs_skirt_belle"], CLOTH, builds=["woman"]),
    "leg_armor": _item("bottom", "{c} leg armor", ["legs_armour"], METAL),
    # shoes
    "boots": _item("shoes", "{c} boots", ["feet_boots_basic"], CLOTH),
    "shoes": _item("shoes", "{c} shoes", ["feet_shoes_basic"], CLOTH),
    "sandals": _item("shoes", "{c} sandals", ["feet_sandals"], CLOTH),
    "armored_boots": _item("shoes", "{c} armored boots", ["feet_armour"], METAL),
    # gloves, shoulders, waist
    "gloves": _item("gloves", "{c} gloves", ["arms_gloves"], CLOTH),
    "epaulettes": _item("shoulders", "{c} epaulettes", ["shoulders_epaulets"], CLOTH),
    "shoulder_plates": _item("shoulders", "{c} shoulder plates", ["shoulders_plate"], METAL),
    "leather_belt": _item(
        "belt", "a {c} leather belt", ["belt_leather"], {k: CLOTH[k] for k in ("brown", "white", "tan")}
    ),
    "sash": _item("belt", "a {c} sash", ["belt_sash"], CLOTH),
    "obi": _item("belt", "a {c} obi", ["belt_obi"], CLOTH),
    # capes, wings, tails, backs
    "cape": _item("cape", "a {c} cape", ["cape_solid"], CLOTH),
    "tattered_cape": _item("cape", "a tattered {c} cape", ["cape_tattered"], CLOTH),
    "feathered_wings": _item("wings", "{c} feathered wings", ["wings_feathered"], HAIR, skip_colors=["platinum"]),
    "bat_wings": _item("wings", "{c} bat wings", ["wings_bat"], HAIR, skip_colors=["platinum"]),
    "butterfly_wings": _item(
        "wings",
        "{c} butterfly wings",
        ["wings_monarch"],
        {k: CLOTH[k] for k in ("orange", "blue", "pink", "green", "red", "yellow", "white", "sky")},
    ),
    "pixie_wings": _item(
        "wings",
        "{c} pixie wings",
        ["wings_pixie"],
        {k: CLOTH[k] for k in ("orange", "blue", "pink", "green", "red", "yellow", "white", "sky")},
    ),
    "cat_tail": _item("tail", "a {c} cat tail", ["tail_cat"], HAIR),
    "wolf_tail": _item("tail", "a fluffy {c} tail", ["tail_wolf_fluffy"], HAIR),
    "basket": _item("back", "a basket on the back", [("backpack_basket", "round")]),
    "quiver": _item("back", "a quiver", [("quiver", "quiver")]),
    # shields
    "round_shield": _item("shield", "a {c} round shield", ["shield_round"], ROUND),
    "heater_shield": _item(
        "shield", "a {c} heater shield", [("shield_heater_wood", "oak"), "shield_heater_paint"], PAINT
    ),
    "crusader_shield": _item("shield", "a crusader shield", [("shield_crusader", "crusader")]),
    "cross_shield": _item("shield", "a white shield with a golden cross", [("shield_plus", "plus")]),
    "spartan_shield": _item("shield", "a spartan shield", [("shield_spartan", "spartan")]),
    "tower_shield": _item("shield", "a white tower shield", [("shield_scutum", "scutum")]),
    # weapons
    "dagger": _item("weapon", "a dagger", [("weapon_sword_dagger", "dagger")]),
    "sword": _item("weapon", "a {c} sword", ["weapon_sword_arming"], METAL),
    "longsword": _item("weapon", "a longsword", [("weapon_sword_longsword", "longsword")]),
    "katana": _item("weapon", "a katana", [("weapon_sword_katana", "katana")]),
    "scimitar": _item("weapon", "a scimitar", [("weapon_sword_scimitar", "scimitar")]),
    "rapier": _item("weapon", "a rapier", [("weapon_sword_rapier", "rapier")]),
    "glow_sword": _item("weapon", "a glowing {c} sword", ["weapon_sword_glowsword"], GLOW),
    "mace": _item("weapon", "a mace", [("weapon_blunt_mace", "mace")]),
    "wooden_staff": _item("weapon", "a wooden staff", [("weapon_magic_simple", "simple")]),
    "diamond_staff": _item("weapon", "a {c} diamond staff", ["weapon_magic_diamond"], STAFF),
    "gnarled_staff": _item("weapon", "a gnarled {c} staff", ["weapon_magic_gnarled"], STAFF),
    "crystal": _item("weapon", "a {c} magic crystal", ["weapon_magic_crystal"], GEM),
    "wand": _item("weapon", "a wand", [("weapon_magic_wand", "wand")]),
    "bow": _item("weapon", "a {c} bow", ["weapon_ranged_bow_normal", ("weapon_ranged_bow_arrow", "arrow")], BOW),
    "crossbow": _item("weapon", "a crossbow", [("weapon_ranged_crossbow", "crossbow")]),
    "slingshot": _item("weapon", "a slingshot", [("weapon_ranged_slingshot", "slingshot")]),
}
# Ground textures: file in the tile repository, the four 32-pixel cells of a 64×64 patch
# (row by row, as column and row), and the words.
GROUNDS: dict[str, tuple[str, list[tuple[int, int]], str]] = {
    "grass": ("Terrain/terrain_summer.png", [(3, 2), (4, 2), (5, 2), (3, 2)], "on grass"),
    "meadow": ("Terrain/terrain_autumn.png", [(3, 2), (4, 2), (5, 2), (3, 2)], "on an autumn meadow"),
    "snow": ("Terrain/terrain_winter.png", [(3, 2), (4, 2), (5, 2), (3, 2)], "on snow"),
    "dirt": ("Terrain/terrain_summer.png", [(3, 3), (4, 3), (3, 4), (4, 4)], "on dirt"),
    "sand": ("Terrain/terrain_summer.png", [(3, 5), (4, 5), (5, 5), (3, 5)], "on sand"),
    "water": ("Terrain/terrain_summer.png", [(12, 16), (13, 16), (12, 17), (13, 17)], "on water"),
    "wood": ("Structure/Floor/Wood Floor A.png", [(3, 0), (3, 0), (3, 1), (3, 1)], "on a wooden floor"),
    "stone": ("Structure/Floor/Tile C.png", [(2, 0), (3, 0), (2, 1), (3, 1)], "on a stone floor"),
}
FLAT_HAIR = [
    "buzz_cut",
    "short",
    "curtains",
    "pageboy",
    "bob",
    "long",
    "wavy",
    "cornrows",
    "long_curls",
    "side_braid",
    "very_long",
    "shoulder_tail",
    "side_swept",
]
# Animations in which a part is rightly absent: seen from behind, a face has nothing to draw.
UNSEEN: dict[str, list[str]] = {"face": ["climb"], "beard": ["climb"], "eyewear": ["climb"]}
# The order in which the slots are spoken, and the tie-break when two parts share a z.
SLOTS = [
    "hair",
    "beard",
    "face",
    "eyewear",
    "hat",
    "ears",
    "top",
    "bottom",
    "shoes",
    "gloves",
    "shoulders",
    "belt",
    "cape",
    "wings",
    "tail",
    "back",
    "shield",
    "weapon",
]
GROUND_CREDIT: dict[str, Any] = {
    "path": "grounds (Terrain, Structure/Floor)",
    "license_used": "OGA-BY 3.0",
    "licenses_offered": ("OGA-BY 3.0",),
    "authors": ("Lanea Zimmerman (Sharm)", "Eliza Wyatt (DeathsDarling)"),
    "urls": (
        "https://github.com/ElizaWy/LPC",
        "https://opengameart.org/content/liberated-pixel-cup-lpc-base-assets-sprites-map-tiles",
        "https://opengameart.org/content/lpc-modified-base-tiles",
    ),
    "notes": "grass, dirt, sand, snow, water, wooden floor, stone floor; 64×64 patches cut from the sheets",
}
