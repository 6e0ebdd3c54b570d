"""How people name what a character is, wears and does: synonyms of the pack's own words.

Where several things share a wording (`a sword`), it stands for all of them.  What is not listed here is called
as the pack calls it, so any pack works.
"""

ITEM_WORDS: dict[str, str] = {
    # hair
    "buzz_cut": "a {c} buzz cut|buzzed {c} hair|very short {c} hair|cropped {c} hair",
    "short": "short {c} hair|short {c} hair|short neat {c} hair",
    "messy": "messy {c} hair|tousled {c} hair|unkempt {c} hair|ruffled {c} hair",
    "spiky": "spiky {c} hair|{c} hair in spikes|short spiky {c} hair",
    "wild_spikes": "wild {c} spikes of hair|wild spiky {c} hair|spiky {c} hair|big spiky {c} hair",
    "pageboy": "a {c} pageboy cut|a {c} bowl cut|{c} hair in a pageboy cut",
    "curtains": "{c} curtain hair|{c} hair parted in the middle|{c} curtains",
    "side_swept": "side-swept {c} hair|{c} hair swept to the side|{c} hair combed to the side",
    "balding": "balding {c} hair|thinning {c} hair|a balding {c} head",
    "afro": "a {c} afro|{c} afro hair|a big {c} afro",
    "cornrows": "{c} cornrows|{c} hair in cornrows",
    "short_dreadlocks": "short {c} dreadlocks|short {c} dreads|{c} dreadlocks|{c} dreads",
    "long_dreadlocks": "long {c} dreadlocks|long {c} dreads|{c} dreadlocks|{c} dreads",
    "flat_top": "a {c} flat top|a {c} flattop|{c} flat-top hair",
    "twists": "{c} twists|twisted {c} hair",
    "short_curls": "short {c} curls|short curly {c} hair|curly {c} hair|{c} curls",
    "long_curls": "long {c} curls|long curly {c} hair|curly {c} hair|{c} curls",
    "big_curls": "huge {c} curls|big {c} curls|big curly {c} hair|curly {c} hair",
    "bob": "a {c} bob|bobbed {c} hair|a {c} bob cut|{c} hair in a bob",
    "bun": "a {c} bun|{c} hair in a bun|{c} hair tied in a bun",
    "half_up": "half-up {c} hair|{c} hair half tied up|half-tied {c} hair",
    "long": "long {c} hair|long {c} hair|long straight {c} hair|long flowing {c} hair",
    "wavy": "wavy {c} hair|wavy {c} hair|{c} hair in waves",
    "very_long": "very long {c} hair|waist-length {c} hair|extremely long {c} hair|long {c} hair",
    "very_long_wavy": "very long wavy {c} hair|long wavy {c} hair|wavy {c} hair",
    "high_ponytail": "a high {c} ponytail|a {c} ponytail|{c} hair in a ponytail",
    "huge_ponytail": "a huge {c} ponytail|a big {c} ponytail|a {c} ponytail",
    "beaded_ponytail": "a beaded {c} ponytail|a {c} ponytail with beads|a {c} ponytail",
    "side_braid": "a {c} side braid|a {c} braid|braided {c} hair|{c} hair in a braid",
    "shoulder_tail": "a {c} ponytail over the shoulder|a {c} side ponytail|a {c} ponytail",
    "topknot": "a {c} topknot|a {c} top knot|{c} hair in a topknot",
    # beard, face, eyes
    "short_beard": "a short {c} beard|a trimmed {c} beard|{c} stubble|a {c} beard",
    "full_beard": "a {c} beard|a full {c} beard|a big {c} beard",
    "long_beard": "a long {c} beard|a very long {c} beard|a {c} beard",
    "handlebar": "a {c} handlebar mustache|a curled {c} mustache|a {c} mustache",
    "walrus": "a bushy {c} mustache|a thick {c} mustache|a {c} walrus mustache|a {c} mustache",
    "happy": "a happy face|a smile|a happy expression|a big smile",
    "sad": "a sad face|a sad expression|a frown",
    "angry": "an angry face|an angry look|an angry expression|a scowl",
    "shocked": "a shocked face|a surprised look|a shocked expression",
    "eyes_closed": "closed eyes|eyes closed|shut eyes",
    "glasses": "{c} glasses|{c} spectacles|{c} eyeglasses",
    "eyepatch": "a {c} eyepatch|a {c} eye patch|a {c} patch over one eye",
    "mask": "a {c} face mask|a {c} mask|a {c} cloth mask",
    # hats
    "bandana": "a {c} bandana|a {c} bandanna|a {c} kerchief",
    "hood": "a {c} hood|a {c} hood|a {c} cowl",
    "headscarf": "a {c} headscarf|a {c} head scarf|a {c} scarf on the head",
    "tricorne": "a {c} tricorne hat|a {c} tricorne|a {c} tricorn hat|a {c} three-cornered hat",
    "pirate_hat": "a {c} pirate hat|a {c} pirate hat with a skull|a {c} pirate's hat",
    "admiral_hat": "a {c} admiral hat|a {c} admiral's hat|a {c} bicorne hat",
    "cavalier_hat": "a {c} cavalier hat|a {c} musketeer hat|a {c} hat with a wide brim|a wide {c} hat",
    "feathered_cap": "a {c} cap with a feather|a {c} feathered cap|a {c} feather hat|a {c} hat with a feather",
    "wizard_hat": "a {c} wizard hat|a pointy {c} hat|a {c} wizard's hat|a pointed {c} hat|a {c} witch hat",
    "santa_hat": "a {c} santa hat|a {c} christmas hat",
    "headband": "a {c} headband|a {c} head band|a {c} sweatband",
    "mail_coif": "a {c} mail coif|a {c} chainmail coif|a {c} coif|a {c} chainmail hood",
    "knight_helmet": "a {c} knight helmet|a {c} knight's helmet|a {c} helmet|a {c} helm",
    "great_helm": "a {c} great helm|a {c} greathelm|a {c} helmet|a {c} closed helmet",
    "visor_helmet": "a {c} visored helmet|a {c} helmet with a visor|a {c} helmet|a closed {c} helmet",
    "viking_helmet": "a {c} viking helmet|a {c} viking helm|a {c} helmet with horns",
    "horned_helmet": "a {c} horned helmet|a {c} helmet with horns|a {c} horned helm|a horned {c} helmet",
    "winged_helmet": "a {c} winged helmet|a {c} helmet with wings|a {c} valkyrie helmet",
    "legion_helmet": "a {c} legionary helmet|a {c} roman helmet|a {c} legion helmet|a {c} galea",
    "crested_helmet": "a {c} crested helmet|a {c} helmet with a crest|a {c} plumed helmet|a {c} helmet with a plume",
    "kettle_hat": "a kettle hat|a kettle helmet|a guard helmet",
    "helmet": "a {c} helmet|a {c} helm",
    # ears
    "cat_ears": "{c} cat ears|{c} kitty ears|the ears of a {c} cat",
    "wolf_ears": "{c} wolf ears|{c} dog ears|{c} fox ears",
    "curled_horns": "curled horns|ram horns|curly horns|horns",
    # tops
    "t_shirt": "a {c} t-shirt|a {c} tee|a {c} shirt|a {c} tshirt",
    "long_shirt": "a {c} long-sleeved shirt|a {c} shirt|a {c} long sleeve shirt|a {c} shirt with long sleeves",
    "cardigan": "a {c} cardigan|an open {c} cardigan|a {c} cardigan sweater|a {c} jacket",
    "sleeveless": "a {c} sleeveless top|a {c} sleeveless shirt|a {c} vest|a {c} tank top",
    "striped_top": "a {c} striped tank top|a striped {c} shirt|a striped {c} top|a {c} striped shirt",
    "tunic": "a {c} tunic|a {c} tunic|a simple {c} tunic",
    "blouse": "a {c} blouse|a {c} blouse|a loose {c} blouse",
    "fur_coat": "a {c} fur-trimmed coat|a {c} fur coat|a {c} coat|a {c} coat with fur",
    "tabard": "a {c} tabard|a {c} surcoat|a {c} tabard over mail",
    "leather_armor": "{c} leather armor|{c} leathers|a {c} leather vest|a {c} leather jerkin",
    "plate_armor": "{c} plate armor|{c} armor|{c} plate|a {c} breastplate|{c} plate mail",
    "legion_armor": "{c} legionary armor|{c} roman armor|{c} legion armor|{c} segmented armor",
    "chainmail": "{c} chainmail|{c} chain mail|a {c} mail shirt|{c} mail armor|{c} armor",
    "kimono": "a {c} kimono|a {c} kimono|a {c} kimono dress|a {c} robe",
    "slit_dress": "a {c} dress|a {c} slit dress|a long {c} dress|a {c} gown|a {c} robe",
    # bottoms
    "trousers": "{c} trousers|{c} pants|{c} breeches|{c} slacks",
    "shorts": "{c} shorts|{c} short pants|short {c} trousers",
    "leggings": "{c} leggings|{c} tights|tight {c} pants|{c} hose",
    "overalls": "{c} overalls|{c} dungarees|{c} work overalls",
    "skirt": "a long {c} skirt|a {c} skirt|a {c} maxi skirt",
    "legion_skirt": "a {c} legionary skirt|a {c} roman skirt|a {c} gladiator skirt|a {c} pteruges skirt",
    "wide_skirt": "a wide {c} skirt|a {c} skirt|a full {c} skirt|a flared {c} skirt",
    "leg_armor": "{c} leg armor|{c} armored leggings|{c} greaves|{c} plate legs",
    # feet, hands, body
    "boots": "{c} boots|{c} boots|{c} leather boots|high {c} boots",
    "shoes": "{c} shoes|{c} shoes|simple {c} shoes",
    "sandals": "{c} sandals|{c} sandals|{c} open sandals",
    "armored_boots": "{c} armored boots|{c} plate boots|{c} sabatons|{c} metal boots",
    "gloves": "{c} gloves|{c} gloves|{c} gauntlets|{c} leather gloves",
    "epaulettes": "{c} epaulettes|{c} epaulets|{c} shoulder pads",
    "shoulder_plates": "{c} shoulder plates|{c} pauldrons|{c} shoulder armor|{c} shoulder guards",
    "leather_belt": "a {c} leather belt|a {c} belt",
    "sash": "a {c} sash|a {c} cloth belt|a {c} sash around the waist",
    "obi": "a {c} obi|a {c} obi belt|a wide {c} belt",
    "cape": "a {c} cape|a {c} cloak|a {c} cape|a long {c} cape|a flowing {c} cape|a {c} mantle",
    "tattered_cape": "a tattered {c} cape|a torn {c} cape|a ragged {c} cloak|a worn {c} cape|a {c} cape|a {c} cloak",
    "short_cape": "a short {c} cape|a {c} capelet|a {c} cape|a short {c} cloak",
    "feathered_wings": "{c} feathered wings|{c} angel wings|{c} bird wings|{c} wings|{c} feather wings",
    "bat_wings": "{c} bat wings|{c} demon wings|{c} leathery wings|{c} wings",
    "butterfly_wings": "{c} butterfly wings|{c} wings of a butterfly|{c} wings",
    "pixie_wings": "{c} pixie wings|{c} fairy wings|{c} insect wings|{c} wings",
    "cat_tail": "a {c} cat tail|a {c} tail|a {c} kitty tail",
    "wolf_tail": "a fluffy {c} tail|a {c} wolf tail|a {c} fox tail|a bushy {c} tail|a {c} tail",
    "basket": "a basket on the back|a basket|a back basket",
    "quiver": "a quiver|a quiver on the back|a quiver of arrows",
    # in the hands
    "round_shield": "a {c} round shield|a round {c} shield|a {c} shield|a {c} buckler",
    "heater_shield": "a {c} heater shield|a {c} shield|a {c} knight's shield|a {c} kite shield",
    "crusader_shield": "a crusader shield|a templar shield|a shield with a red cross|a shield",
    "cross_shield": "a white shield with a golden cross|a shield with a golden cross|a cross shield|a shield",
    "spartan_shield": "a spartan shield|a greek shield|a hoplite shield|a shield",
    "tower_shield": "a white tower shield|a tower shield|a big shield|a large shield|a shield",
    "dagger": "a dagger|a knife|a short blade|a dagger",
    "sword": "a {c} sword|a {c} sword|a {c} blade|a {c} arming sword",
    "longsword": "a longsword|a long sword|a greatsword|a sword|a big sword",
    "katana": "a katana|a samurai sword|a katana|a japanese sword",
    "scimitar": "a scimitar|a saber|a curved sword|a cutlass|a sword",
    "rapier": "a rapier|a fencing sword|a thin sword|a sword",
    "glow_sword": "a glowing {c} sword|a {c} laser sword|a {c} lightsaber|a {c} energy sword|a {c} magic sword",
    "mace": "a mace|a club|a mace|a flanged mace",
    "wooden_staff": "a wooden staff|a staff|a walking staff|a wooden stick|a quarterstaff",
    "staff": "a {c} staff|a {c} staff|a {c} wooden staff",
    "diamond_staff": "a {c} diamond staff|a {c} staff with a diamond|a {c} staff|a {c} magic staff",
    "gnarled_staff": "a gnarled {c} staff|a twisted {c} staff|a {c} staff|a crooked {c} staff",
    "crystal": "a {c} magic crystal|a {c} crystal|a glowing {c} crystal|a {c} gem",
    "wand": "a wand|a magic wand|a wand",
    "bow": "a {c} bow|a {c} bow|a {c} longbow|a {c} hunting bow",
    "crossbow": "a crossbow|a crossbow|an arbalest",
    "slingshot": "a slingshot|a sling|a slingshot",
}  # fmt: skip
"""Item → wordings, `{c}` for the colour; a doubled one is commoner."""

FAMILY_WORDS: dict[tuple[str, str], str] = {
    ("hair", "{c} hair"): "*",
    ("hat", "a {c} helmet"): "knight_helmet great_helm visor_helmet viking_helmet horned_helmet winged_helmet "
    "legion_helmet crested_helmet",
    ("hat", "a {c} hat"): "tricorne pirate_hat admiral_hat cavalier_hat feathered_cap wizard_hat santa_hat",
    ("top", "a {c} top"): "t_shirt long_shirt sleeveless blouse tunic striped_top",
    ("top", "{c} armor"): "plate_armor legion_armor chainmail leather_armor",
    ("shoes", "{c} footwear"): "*",
    ("shield", "a {c} shield"): "*",
    ("weapon", "a {c} staff"): "wooden_staff diamond_staff gnarled_staff staff",
    ("wings", "{c} wings"): "*",
    ("tail", "a {c} tail"): "*",
    ("beard", "a {c} beard"): "short_beard full_beard long_beard",
    ("beard", "a {c} mustache"): "handlebar walrus",
}  # fmt: skip
"""(slot, wording) → the items it may stand for, `*` for all."""

CLOTH_COLORS: dict[str, str] = {
    "white": "white|cream|ivory|snow-white|off-white", "gray": "gray|gray|slate gray|ash gray",
    "black": "black|jet-black|dark|pitch-black", "brown": "brown|chocolate brown|dark brown",
    "tan": "tan|beige|sand-colored|khaki|light brown", "yellow": "yellow|mustard yellow|lemon yellow|sunny yellow",
    "orange": "orange|rust-colored|amber", "red": "red|crimson|scarlet|dark red|blood-red|maroon|burgundy|ruby red",
    "pink": "pink|rose|hot pink|magenta|rosy", "purple": "purple|violet|lilac|lavender|plum|indigo",
    "blue": "blue|navy|dark blue|navy blue|royal blue|cobalt blue|deep blue",
    "light blue": "light blue|sky blue|pale blue|azure|baby blue|cyan", "teal": "teal|turquoise|aqua|sea green",
    "green": "green|emerald|forest green|dark green|olive green|moss green|lime green",
    "steel": "steel|silver|shining steel|metal|polished steel", "iron": "iron|dark iron|dark metal|blackened iron",
    "copper": "copper|bronze|coppery", "golden": "golden|gold|gilded|shiny gold", "silver": "silver|silvery",
}  # fmt: skip
"""The pack's colour → what people call it; the first is the pack's own."""

HAIR_COLORS: dict[str, str] = {
    "black": "black|raven|jet-black|dark", "dark brown": "dark brown|brown|brunette|chocolate brown",
    "light brown": "light brown|brown|chestnut|sandy brown", "blonde": "blonde|blond|golden|fair|yellow",
    "platinum": "platinum|platinum blonde|very light blonde", "orange": "orange|ginger|carrot-colored",
    "red": "red|auburn|ginger|fiery red|crimson", "white": "white|snow-white|white as snow",
    "gray": "gray|silver|gray", "pink": "pink|bubblegum pink|hot pink", "purple": "purple|violet|lilac",
    "blue": "blue|azure|bright blue", "green": "green|emerald green|bright green",
}  # fmt: skip
"""The same for hair and what grows like it."""

SKIN_COLORS: dict[str, str] = {
    "fair": "fair|light|pale", "golden": "golden|tanned", "brown": "brown|brown", "dark": "dark|black|deep brown",
    "lime green": "lime green|bright green", "sickly green": "sickly green|zombie green", "gray": "gray|gray",
    "lavender": "lavender|purple|violet", "copper": "copper|reddish",
}  # fmt: skip

SPECIES_WORDS: dict[str, tuple[str, str, str, str]] = {
    # any build | man | woman | adjective before a role
    "human": ("person|human", "man|man|guy|male|dude|gentleman|boy|human man|fellow|male human",
              "woman|woman|girl|lady|female|gal|human woman|female human", "human"),
    "elder": ("old person|elderly person", "old man|old man|elderly man|grandpa|aged man|old guy|grandfather",
              "old woman|old woman|elderly woman|grandma|old lady|granny|grandmother", "old|elderly|aged"),
    "elf": ("elf|elf|high elf|wood elf", "male elf|elf man|elven man|elf guy|elf boy",
            "female elf|elf woman|elven woman|she-elf|elf girl|elf lady|elven lady", "elf|elven|elvish"),
    "vampire": ("vampire", "male vampire|vampire man|vampire", "female vampire|vampire woman|vampire lady|vampiress",
                "vampire"),
    "orc": ("orc|orc|ork", "male orc|orc man|orc", "female orc|orc woman|orc lady|orc girl", "orc|orcish"),
    "goblin": ("goblin", "male goblin|goblin man", "female goblin|goblin woman|goblin girl", "goblin"),
    "troll": ("troll", "male troll|troll man", "female troll|troll woman", "troll"),
    "lizard": ("lizard person|reptilian|lizardfolk|argonian", "lizardman|lizard man|reptile man|male lizardfolk",
               "lizardwoman|lizard woman|female lizardfolk", "lizard|reptilian"),
    "alien": ("alien|alien|extraterrestrial", "male alien|alien man|alien guy", "female alien|alien woman|alien girl",
              "alien"),
    "monster": ("bolt-necked monster|frankenstein monster|frankenstein's monster|frankenstein",
                "male bolt-necked monster|frankenstein monster man|male frankenstein monster",
                "female bolt-necked monster|female frankenstein|bride of frankenstein", "frankenstein|bolt-necked"),
    "mouse": ("mouse person|mousefolk|anthropomorphic mouse|rat person", "mouse man|mouse guy|ratman|male mouse",
              "mouse woman|mouse girl|female mouse", "mouse|rat"),
    "rabbit": ("rabbit person|bunny|anthropomorphic rabbit|rabbitfolk", "rabbit man|bunny man|male rabbit|bunny guy",
               "rabbit woman|bunny girl|rabbit girl|female rabbit", "rabbit|bunny"),
    "pig": ("pig person|pigfolk|anthropomorphic pig", "pig man|pigman|male pig", "pig woman|pig lady|female pig",
            "pig"),
    "sheep": ("sheep person|sheepfolk|anthropomorphic sheep", "sheep man|ram man|male sheep",
              "sheep woman|sheep girl|ewe woman|female sheep", "sheep"),
    "boar": ("boar person|boarfolk|wereboar", "boar man|boarman|male boar", "boar woman|female boar", "boar"),
    "skeleton": ("skeleton|skeleton|undead skeleton|living skeleton", "skeleton", "skeleton", "skeleton|undead"),
}  # fmt: skip
"""Species → nouns that leave the build open, nouns of men, of women, adjectives before a role."""

ACTION_WORDS: dict[str, str] = {
    "walk": "walking|walking|walking along|strolling|taking a walk|on a walk|walk cycle",
    "run": "running|running|sprinting|dashing|running fast|jogging|run cycle",
    "idle": "standing|standing|standing still|idle|just standing there|idle pose|standing around",
    "jump": "jumping|jumping|leaping|hopping|mid-jump|jumping up",
    "slash": "swinging|slashing|attacking|swinging a weapon|slashing at an enemy|slash attack|striking",
    "backslash": "striking twice|slashing twice|attacking twice|double slash|two quick strikes",
    "halfslash": "chopping|hacking|chopping down|attacking|chopping attack",
    "thrust": "thrusting|stabbing|lunging|poking|stab attack|thrusting forward",
    "spellcast": "casting a spell|casting|casting magic|using magic|doing magic|spellcasting|conjuring",
    "shoot": "shooting|shooting|firing|taking a shot|taking aim|shooting an arrow",
    "hurt": "collapsing|dying|falling|falling down|getting hurt|falling over|being defeated",
    "climb": "climbing|climbing|climbing up|climbing a wall|climbing a ladder",
    "combat_idle": "holding a fighting stance|ready to fight|in a fighting stance|in combat stance|battle-ready",
    "emote": "cheering|cheering|waving|celebrating|waving happily",
    "sit": "sitting|sitting on the ground|sitting down|seated|resting on the ground",
}  # fmt: skip

ACTION_ORDERS: dict[str, str] = {
    "walk": "walk|go for a walk|walk around|take a few steps", "run": "run|sprint|run fast|dash",
    "idle": "stand still|stand|stop|wait|just stand there", "jump": "jump|leap|hop|jump up",
    "slash": "swing|slash|attack|swing the weapon|strike", "backslash": "strike twice|slash twice|attack twice",
    "halfslash": "chop|hack|chop down", "thrust": "thrust|stab|lunge|poke",
    "spellcast": "cast a spell|cast|use magic|do some magic", "shoot": "shoot|fire|take a shot|shoot an arrow",
    "hurt": "collapse|die|fall|fall down|get hurt|fall over", "climb": "climb|climb up|climb a ladder",
    "combat_idle": "get ready to fight|take a fighting stance|hold a fighting stance|be ready for battle",
    "emote": "cheer|wave|celebrate|wave at us", "sit": "sit|sit down|take a seat|rest on the ground",
}  # fmt: skip
"""What follows `make him`."""

FACING_WORDS: dict[str, str] = {
    "north": "facing away|facing away|seen from behind|from behind|back view|facing away from us|from the back|"
    "with the back to us|facing north|facing up|showing the back|looking away from the viewer",
    "south": "facing the viewer|facing forward|facing us|facing the camera|front view|from the front|facing front|"
    "facing south|facing down|looking at the camera|looking at us|facing towards the viewer",
    "west": "facing left|facing left|looking left|facing to the left|turned to the left|left side view|facing west|"
    "side view facing left|looking to the left",
    "east": "facing right|facing right|looking right|facing to the right|turned to the right|right side view|"
    "facing east|side view facing right|looking to the right",
}  # fmt: skip
GOING_WORDS: dict[str, str] = {
    "north": "away|away from us|up|north|away from the viewer", "south": "towards us|forward|down|south|"
    "towards the viewer|toward the camera", "west": "left|to the left|west|leftwards",
    "east": "right|to the right|east|rightwards",
}  # fmt: skip
"""What follows `walking` and `running`."""

ABSENT_WORDS: dict[str, str] = {
    "hat": "no hat|without a hat|bareheaded|no headgear|hatless|no helmet|without a helmet",
    "beard": "no beard|without a beard|clean-shaven|clean shaven|beardless",
    "hair": "bald|no hair|without hair|bald head|hairless", "shoes": "barefoot|no shoes|without shoes|bare feet",
    "weapon": "unarmed|no weapon|without a weapon|empty hands|no weapons", "cape": "no cape|without a cape|no cloak",
    "top": "shirtless|no shirt|bare-chested|without a shirt|topless",
    "gloves": "no gloves|without gloves|bare hands", "shield": "no shield|without a shield",
    "eyewear": "no glasses|without glasses", "wings": "no wings|without wings|wingless",
}  # fmt: skip

IGNORED = (
    "brave grumpy mighty clever fierce mysterious noble humble proud lonely cheerful cool awesome cute epic young "
    "famous legendary wise cunning gentle tough evil kind lazy nervous shy heroic simple generic beautiful handsome "
    "ugly scary creepy friendly fearless seasoned veteran wandering weary strong lovely pretty badass stern moody "
    "gloomy silent sneaky greedy loyal ruthless honorable poor rich skilled clumsy stubborn bold calm curious"
).split()
"""Adjectives that say nothing about what is seen."""
