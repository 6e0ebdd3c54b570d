"""Roles and trades as distributions over looks, declared as data.

    names | base outfit | slot chance: colours item weight, …; …

The first name stands for the role, the others are synonyms; `@m` or `@w` behind a name or an item keeps it to men
or women.  A slot without chance is always filled.  Colours are the pack's words joined by `/` or a name from COLORS;
`*` is any colour or any item.  A role overrides its base slot by slot; what neither names follows `anyone`.
What a pack does not have is passed over.
"""

COLORS = {
    "PLAIN": "white/tan/brown/gray", "EARTH": "brown/tan/gray/black", "DARK": "black/black/gray",
    "LEATHER": "brown/brown/tan/black", "RICH": "red/red/blue/purple/green/teal/white",
    "BRIGHT": "red/orange/yellow/pink/light blue/teal/green/blue/purple", "ROYAL": "red/purple/blue",
    "WOODS": "green/green/brown/tan", "STEEL": "steel/steel/steel/iron", "METAL": "steel/iron/copper/golden",
    "OLD": "white/gray/gray", "SEA": "blue/white/light blue/teal", "FAIRY": "pink/light blue/purple/green/yellow",
    "HOLY": "white/white/tan/yellow", "FIRE": "red/red/orange/yellow", "ICE": "light blue/white/blue",
}  # fmt: skip

OUTFITS = """
anyone | | species: human 12, elf 2, elder 1, orc 1, goblin .5, vampire .5, lizard .5, skeleton .4; hair .95: * *;
  beard .25: * *; top: * long_shirt 3, * t_shirt 3, * tunic 3, * cardigan 1, * sleeveless 2, * blouse 2, * fur_coat, *
  tabard, * leather_armor 2, STEEL plate_armor 1, STEEL chainmail 1, * kimono, * slit_dress 2, * striped_top .5;
  bottom: * trousers 5, * shorts@w, * leggings 2, * skirt@w 2, * wide_skirt 1, * shorts .7, * overalls .3; shoes .96:
  * boots 4, * shoes 3, * sandals; hat .12: * *; cape .06: * cape 3, * tattered_cape; gloves .06: * gloves; belt .1: *
  leather_belt 2, * sash; weapon .1: STEEL sword 2, * *; shield .02: * heater_shield
commoner | anyone | species: human 30, elder 1; top: PLAIN long_shirt 3, PLAIN tunic 4, PLAIN t_shirt, PLAIN blouse
  2, PLAIN sleeveless; bottom: EARTH trousers 3, EARTH skirt@w 3, EARTH leggings; shoes: EARTH boots 2, EARTH shoes 2;
  hat 0: * bandana; cape 0: * cape; gloves .03: LEATHER gloves; belt .2: brown leather_belt; weapon 0: dagger; shield
  0: * heater_shield
worker | commoner | top: PLAIN sleeveless 2, PLAIN t_shirt 2, PLAIN long_shirt, brown/tan leather_armor; bottom: EARTH
  trousers 3, brown/blue/gray overalls 2; shoes: brown/black boots; gloves .25: brown/tan gloves; hat .15: * bandana
soldier | commoner | top: STEEL chainmail 3, STEEL plate_armor 2, LEATHER leather_armor 2, RICH tabard; bottom: EARTH
  trousers 3, STEEL leg_armor 2; shoes: brown/black boots 3, STEEL armored_boots; hat .7: STEEL mail_coif, STEEL
  knight_helmet, kettle_hat 2, STEEL crested_helmet; gloves .3: LEATHER gloves; weapon .9: STEEL sword 4, longsword,
  mace; shield .4: RICH heater_shield, brown/black round_shield; cape .05: RICH cape
noble | commoner | top: RICH long_shirt 2, RICH fur_coat 3, RICH blouse 2, RICH slit_dress 4, RICH tunic, RICH
  cardigan; bottom: RICH trousers 2, black/white leggings 2, RICH wide_skirt; shoes: black/brown boots,
  black/white/red shoes; cape .25: ROYAL cape; gloves .2: white gloves; belt .25: RICH sash; hat .1: RICH
  feathered_cap, RICH cavalier_hat
mage | commoner | top: * long_shirt@m 3, * cardigan@m, * kimono 3, * slit_dress 3, * tunic, * tabard; bottom: =
  skirt@m 4, = trousers, = skirt@w, DARK leggings; shoes: brown/black boots, brown/tan sandals, black shoes; hat .6: =
  wizard_hat 3, = hood; cape .25: = cape; weapon .7: wooden_staff 2, brown/golden gnarled_staff 2, * diamond_staff 2,
  * crystal; belt .25: * sash
rogue | commoner | top: black/brown leather_armor 4, DARK long_shirt, DARK tunic; bottom: DARK trousers 2, DARK
  leggings 2; shoes: black/brown boots; hat .6: DARK/green/brown hood 4, DARK bandana; gloves .5: black/brown gloves;
  eyewear .25: black mask; belt .4: brown leather_belt; weapon .8: dagger 4, STEEL sword, brown bow .3; cape .25:
  DARK/brown/green cape 2, DARK tattered_cape
sailor | commoner | top: blue/white/red/black striped_top 3, white/blue long_shirt 2, white blouse 2, white t_shirt;
  bottom: blue/black/white/brown trousers 2, brown/blue shorts; shoes: black/brown shoes, brown sandals, black boots;
  hat .4: red/blue/black bandana
wild | commoner | top .6: LEATHER leather_armor 2, brown/tan sleeveless 2, brown/gray fur_coat; bottom: brown/tan
  trousers 2, brown/tan shorts, brown legion_skirt; shoes: brown boots 3, brown sandals; hair: * messy 2, * long 2, *
  long_dreadlocks, * wild_spikes, * very_long_wavy; beard .5: * full_beard, * long_beard; weapon .8: mace 2, STEEL
  sword, longsword
eastern | commoner | top: * kimono 4, PLAIN/black/blue long_shirt, black/white cardigan; bottom: black/gray/blue
  trousers 2, = skirt; shoes: brown/tan/black sandals 2, black shoes; belt .7: * obi 3; hair: black topknot 2, black
  bun, black long; species: human 35
holy | commoner | top: HOLY long_shirt@m 2, HOLY tabard 2, HOLY slit_dress 2, HOLY kimono; bottom: = skirt 3, HOLY
  trousers; shoes: brown/tan sandals 2, brown/white shoes; belt .4: yellow/red/brown sash; weapon .3: wooden_staff,
  golden diamond_staff
modern | commoner | top: * t_shirt 3, * cardigan 2, * long_shirt 2, * sleeveless; bottom: blue/black/gray trousers 4,
  * shorts, * leggings@w; shoes: * shoes 4, black/brown boots; belt 0: * sash
"""

ROLES = """
knight, armored knight, knight in armor | soldier | top: STEEL plate_armor 6, STEEL chainmail; bottom: STEEL leg_armor
  4, DARK trousers; shoes: STEEL armored_boots 3, black boots; hat .7: STEEL knight_helmet 3, STEEL great_helm, STEEL
  visor_helmet, STEEL crested_helmet, STEEL mail_coif; shoulders .35: STEEL shoulder_plates; cape .3: RICH cape;
  gloves .4: brown/black gloves; weapon .85: STEEL sword 4, longsword 3; shield .5: RICH heater_shield 3,
  crusader_shield, cross_shield
paladin, holy knight | knight | top: steel/golden plate_armor; bottom: steel/golden leg_armor; hat .5: golden/steel
  winged_helmet, golden/steel crested_helmet; cape .6: white/yellow/blue cape; shield .7: cross_shield 2,
  crusader_shield, white heater_shield; weapon .9: mace, golden/steel sword 2, longsword
crusader, templar, templar knight | knight | top: white/red tabard 2, STEEL chainmail; hat .9: STEEL great_helm 3,
  STEEL mail_coif; shield .8: crusader_shield 4, cross_shield; cape .3: white/red cape
dark knight, black knight, death knight | knight | species: human 15, vampire 2, skeleton 1; top: iron plate_armor;
  bottom: iron leg_armor; shoes: iron armored_boots; hat .8: iron great_helm, iron visor_helmet, iron horned_helmet 2;
  cape .6: black/red tattered_cape 2, black cape; shield .3: black heater_shield
golden knight, champion | knight | top: golden plate_armor; bottom: golden leg_armor; shoes: golden armored_boots; hat
  .7: golden winged_helmet, golden knight_helmet, golden crested_helmet; weapon .9: golden sword; cape .4:
  red/white/purple cape
squire | soldier | top: RICH tabard 2, STEEL chainmail; hat .2: STEEL mail_coif; weapon .6: STEEL sword, dagger; beard
  0: * short_beard
guard, city guard, watchman@m, town guard, castle guard | soldier | hat .85: kettle_hat 4, STEEL knight_helmet, STEEL
  mail_coif; top: STEEL chainmail 3, RICH tabard 2, STEEL plate_armor; shield .5: RICH heater_shield, tower_shield
soldier, footman@m, infantryman@m, foot soldier | soldier |
captain of the guard, guard captain, officer, knight captain | soldier | hat .5: STEEL crested_helmet; cape .7: RICH
  cape; top: STEEL plate_armor; shoulders .5: STEEL shoulder_plates, golden/yellow epaulettes; weapon: STEEL sword,
  longsword
general, commander, warlord | soldier | top: METAL plate_armor; cape .8: ROYAL cape; shoulders .7: METAL
  shoulder_plates, yellow/red epaulettes; hat .6: METAL crested_helmet 2, METAL winged_helmet; weapon: longsword,
  METAL sword
warrior, fighter | soldier | species: human 20, orc 2, elf, lizard .5; hat .4: STEEL knight_helmet, STEEL
  viking_helmet, STEEL horned_helmet, * headband; weapon .95: STEEL sword 3, longsword 2, mace
warrior princess, valkyrie, shieldmaiden | soldier | build: woman; hat .8: golden/steel winged_helmet; species: human
  9, elf; top: METAL plate_armor 2, METAL legion_armor; wings .15: white feathered_wings; hair: blonde side_braid,
  blonde long, red long
barbarian | wild | species: human 20, orc 2; top .3: LEATHER leather_armor, brown fur_coat; hat .2: STEEL
  horned_helmet; weapon: mace 2, longsword 2, STEEL sword
berserker | wild | species: human 15, orc 3; top .3: brown fur_coat, LEATHER leather_armor; face .5: angry; hat .4:
  iron/steel horned_helmet; weapon: longsword, mace, iron sword
gladiator | soldier | top .6: LEATHER leather_armor 2, METAL legion_armor; bottom: red/brown/tan legion_skirt; shoes:
  brown sandals; hat .6: METAL legion_helmet, METAL crested_helmet; shield .6: brown/golden round_shield 2,
  spartan_shield; weapon: METAL sword 3, mace
viking, norseman@m, viking raider | wild | species: human; top: brown/gray fur_coat 2, LEATHER leather_armor 2, STEEL
  chainmail, PLAIN tunic; hat .85: METAL viking_helmet 4, STEEL horned_helmet; hair: blonde/red/light brown long,
  blonde/red side_braid; beard .9: blonde/red/light brown long_beard 2, blonde/red full_beard; shield .6:
  brown/black/green round_shield; weapon .9: STEEL sword, mace
legionary, roman soldier, legionnaire, roman | soldier | top: METAL legion_armor; bottom: red/brown legion_skirt; hat
  .9: METAL legion_helmet; shoes: brown sandals; cape .3: red cape; shield .5: red heater_shield, tower_shield; weapon
  .9: STEEL sword
centurion, roman general | legionary | hat: METAL crested_helmet 2, METAL legion_helmet; cape .9: red cape
spartan, hoplite, greek warrior | soldier | top .6: copper/golden legion_armor, copper/golden plate_armor; cape .9:
  red cape; bottom: red/brown legion_skirt; shoes: brown sandals; hat .9: copper/golden crested_helmet; shield .9:
  spartan_shield; weapon .8: copper/steel sword
samurai | eastern | top: black/red/blue kimono 2, iron/steel legion_armor@m 2, LEATHER leather_armor@m, iron
  plate_armor; weapon .95: katana; hat .3: iron/golden horned_helmet, red/white headband; shoulders .3: red/black
  epaulettes
ronin, wandering samurai, swordmaster | eastern | weapon: katana; hair: black messy, black topknot, black long; hat
  .2: red/black headband
ninja, shinobi, kunoichi@w | rogue | top: black/black/blue long_shirt; bottom: black/black/blue trousers, black
  leggings; hat .8: black hood 3, black/red headband; eyewear .7: black mask; weapon .7: katana 3, dagger 2; cape 0:
  black cape; belt .5: black/red obi
assassin, killer, hitman@m | rogue | hat .8: black/gray/red hood; eyewear .5: black/red mask; weapon .95: dagger
scoundrel, rogue | rogue | species: human 18, elf 2, goblin
thief, burglar, robber, pickpocket | rogue | species: human 18, goblin 2, mouse .5; eyewear .4: black mask; weapon .4:
  dagger
bandit, outlaw, brigand, raider | rogue | species: human 18, orc, goblin; eyewear .5: red/black mask; hat .5:
  red/black/green bandana 2, DARK hood; weapon .9: scimitar, STEEL sword, dagger, mace
highwayman@m, highway robber | rogue | hat .9: black tricorne 3, black cavalier_hat; eyewear .7: black mask; cape .5:
  black cape; weapon .8: rapier, STEEL sword
mercenary, sellsword, hired blade | soldier | species: human 18, orc, elf, lizard; top: LEATHER leather_armor 2,
  iron/steel chainmail; hat .2: * bandana, black hood; weapon: STEEL sword 2, longsword 2, mace; eyewear .1: black
  eyepatch
swordsman@m, swordswoman@w, sword fighter, blade master | soldier | hat 0: kettle_hat; shield 0: * heater_shield; top:
  * long_shirt 2, LEATHER leather_armor 2, STEEL chainmail; weapon: STEEL sword 3, longsword 2, katana, rapier
duelist, fencer | noble | weapon: rapier; hat .4: * cavalier_hat, * feathered_cap; top: white/black long_shirt 2,
  white blouse 2
musketeer | noble | top: blue/red tabard 3, blue/red long_shirt; hat .95: blue/black/red cavalier_hat; weapon .9:
  rapier; shoes: black/brown boots; cape .4: blue/red cape; beard .6: * handlebar, * short_beard
archer, bowman@m | commoner | species: human 15, elf 3; weapon: brown bow; top: WOODS tunic 2, LEATHER leather_armor 3,
  WOODS long_shirt; back .5: quiver; hat .35: WOODS hood 2, WOODS feathered_cap; gloves .4: brown gloves; cape .1:
  WOODS cape
hunter, huntress@w, trapper | archer | species: human; top: LEATHER leather_armor 2, brown/tan fur_coat, WOODS tunic;
  weapon .9: brown bow 3, crossbow, dagger
ranger, woodsman@m, forest ranger, pathfinder | archer | hat .5: green/brown hood; cape .5: green/brown cape; weapon
  .9: brown bow 4, STEEL sword
robin hood, forest outlaw | archer | species: human; build: man; top: green long_shirt 2, green/brown leather_armor;
  bottom: green/brown leggings 2, brown trousers; hat .95: green feathered_cap; shoes: brown boots; back .7: quiver
crossbowman@m, crossbow soldier | soldier | weapon: crossbow; shield 0: * heater_shield
scout, tracker | archer | weapon .6: brown bow, dagger, slingshot; top: LEATHER leather_armor, WOODS long_shirt, WOODS
  tunic
bounty hunter, monster hunter, witch hunter, vampire hunter | rogue | weapon: crossbow 3, longsword, STEEL sword; hat
  .6: black/brown cavalier_hat 2, black hood; cape .4: black/brown cape
hero, heroine@w, adventurer, dungeon explorer | soldier | hat .1: * headband; top: * tunic 2, LEATHER leather_armor 2,
  * long_shirt 2, STEEL chainmail; weapon .9: STEEL sword 3, longsword; cape .35: RICH cape; shield .4: RICH
  heater_shield
villain, evil lord, dark lord | noble | top: black/purple/red fur_coat 2, black/purple slit_dress, black long_shirt;
  bottom: DARK trousers; cape .9: black/purple/red cape; weapon .5: iron sword, iron/steel sword; species: human 12,
  vampire 3, skeleton; shoes: black boots; gloves .6: black gloves
executioner, hangman@m | worker | hat: black hood; top .6: black sleeveless, black leather_armor; bottom: black
  trousers; weapon .7: longsword
chieftain, chief, tribal chief, warchief | wild | species: human 10, orc 4, lizard; hat .5: golden/iron horned_helmet;
  cape .5: brown/red tattered_cape; weapon .8: mace, brown gnarled_staff
shaman, tribal shaman, witch doctor | wild | species: human 8, orc 3, goblin 2, troll, lizard; weapon: brown
  gnarled_staff 3, wooden_staff, * crystal; ears .25: curled_horns; cape .2: brown tattered_cape; hair: *
  long_dreadlocks 2, * beaded_ponytail, * messy
wizard@m, mage, magician, spellcaster | mage | species: human 15, elder 4, elf 2; hat .8: = wizard_hat; beard .7: OLD
  long_beard 3, * full_beard; hair: OLD long 3, * *
archmage, grand wizard@m, old wizard@m | mage | species: elder; hat .8: = wizard_hat; beard .95: OLD long_beard; hair:
  OLD long, OLD very_long; weapon .95: golden diamond_staff, golden gnarled_staff, * crystal
sorcerer@m, sorceress@w | mage | top: purple/red/black/blue long_shirt@m, purple/red/black/blue slit_dress,
  purple/red/blue kimono; hat .2: = hood; weapon .7: * crystal 2, * diamond_staff; cape .4: = cape
witch@w, hag@w | mage | build: woman; species: human 18, elder 3, goblin .5; top: black/purple slit_dress 4,
  black/purple tunic; bottom: black skirt, black wide_skirt; hat .95: black/black/purple wizard_hat; shoes: black
  boots 2, black shoes; weapon .5: wooden_staff, brown gnarled_staff, green/purple crystal
warlock@m, dark mage, evil wizard@m, black mage | mage | top: black/purple/red long_shirt@m, black/purple slit_dress,
  black kimono; hat .7: = hood 3, = wizard_hat; weapon .8: purple/red/green crystal, iron sword .2, steel/brown
  gnarled_staff 2; cape .4: black tattered_cape
necromancer | mage | species: human 12, vampire 2, skeleton 2, elder; top: black/purple/green/gray long_shirt@m, black
  slit_dress, black kimono; hat .8: black/gray hood; weapon .9: green/purple crystal, brown gnarled_staff; cape .5:
  black tattered_cape
fire mage, pyromancer, fire wizard@m | mage | top: FIRE long_shirt@m, FIRE slit_dress, FIRE kimono, FIRE tunic; weapon
  .8: red/orange crystal 2, * diamond_staff; hair: red/orange *
ice mage, frost mage, ice witch@w, ice wizard@m | mage | top: ICE long_shirt@m, ICE slit_dress, ICE kimono; weapon .8:
  blue crystal 2, steel diamond_staff; hair: white/blue/platinum *
battle mage, spellblade, war mage | mage | top: METAL plate_armor, METAL chainmail, LEATHER leather_armor; bottom:
  DARK trousers; weapon: blue/red glow_sword 2, * crystal; cape .5: * cape; hat .2: * hood
druid, nature mage | mage | species: human 10, elf 4, elder; top: WOODS long_shirt@m, WOODS tunic, WOODS slit_dress;
  hat .4: WOODS hood; weapon .9: brown gnarled_staff 3, wooden_staff 2, green crystal; ears .15: curled_horns; cape
  .3: WOODS cape
cleric | holy | weapon .8: mace 3, golden diamond_staff; shield .3: cross_shield; top: white/yellow tabard 3, STEEL
  chainmail
healer, white mage | holy | hat .4: white hood; weapon .7: golden diamond_staff 2, wooden_staff, green/blue crystal;
  species: human 15, elf 3
priest@m, priestess@w, preacher | holy | top: white/black long_shirt@m, white slit_dress; weapon .2: wooden_staff
bishop, high priest@m, pope@m | holy | species: elder; cape .7: red/purple/white cape; weapon .8: golden
  gnarled_staff, golden diamond_staff; top: white/purple/red long_shirt@m, white/purple slit_dress
monk@m, friar@m | holy | build: man; top: brown/brown/orange long_shirt; bottom: = skirt; hair .6: * balding 2, *
  buzz_cut; hat .4: brown hood; belt .7: white/tan sash; shoes: brown sandals
shaolin monk@m, kung fu master | eastern | hair .3: black buzz_cut; top: orange/yellow sleeveless, orange long_shirt,
  orange kimono; bottom: orange/yellow trousers; weapon .6: wooden_staff; belt: red/yellow sash
nun@w | holy | build: woman; top: black/white slit_dress 3, black tunic; bottom: black skirt; hat: black headscarf 3,
  white headscarf; shoes: black shoes
pilgrim | commoner | hat .6: brown/gray hood; weapon .8: wooden_staff; cape .5: brown/gray cape; shoes: brown sandals,
  brown boots
acolyte, apprentice, novice | mage | species: human; hat .3: = hood; weapon .3: wooden_staff; beard 0: * short_beard
alchemist, potion maker | mage | eyewear .5: black/yellow glasses; gloves .6: brown gloves; hat .1: = hood; weapon .2:
  green/red/purple crystal; top: WOODS cardigan, brown/green leather_armor, * long_shirt@m, * tunic
fortune teller, seer, oracle | mage | hat .7: purple/red/teal headscarf; weapon .6: purple/blue crystal; build: woman
  3, man; top: purple/red/teal slit_dress, purple blouse, purple long_shirt@m
fairy, pixie, fae | mage | build: woman 5, man; species: elf 2, human 2; wings: FAIRY pixie_wings 2, FAIRY
  butterfly_wings 2; cape 0: * cape; hat 0: * hood; top: FAIRY slit_dress 3, FAIRY tunic, FAIRY t_shirt; bottom: FAIRY
  shorts, FAIRY leggings; weapon .1: blue crystal; shoes .6: FAIRY shoes
angel, guardian angel | holy | wings: white feathered_wings; cape 0: * cape; species: human; hair:
  blonde/platinum/white long, blonde/white wavy; weapon .2: golden sword
fallen angel, dark angel | holy | wings: black feathered_wings; top: black long_shirt@m, black slit_dress; bottom:
  black trousers; hair: black/white *; weapon .4: iron sword
demon, devil | rogue | species: human 8, vampire; wings .8: red/black bat_wings; ears .9: curled_horns; hat 0: * hood;
  tail .3: red cat_tail; cape 0: * cape; top .7: red/black leather_armor, red/black slit_dress, red/black sleeveless;
  bottom: red/black trousers; hair: black/red *; weapon .4: iron sword
succubus@w | demon | build: woman; wings: purple/red/black bat_wings; top: red/purple/black slit_dress; tail .5:
  red/black cat_tail
vampire lord@m, dracula@m, count@m, vampire queen@w, vampire noble | noble | species: vampire; cape .9: black/red
  cape; top: black/red/white long_shirt 2, black/red fur_coat, black/red slit_dress; bottom: black trousers; hair:
  black/white *; shoes: black boots
lich, undead mage, undead wizard | mage | species: skeleton; weapon: purple/green crystal 2, brown gnarled_staff; hat
  .6: purple/black hood, purple/black wizard_hat; cape .4: purple/black tattered_cape
zombie, undead, walking dead | commoner | species: monster; top .8: PLAIN t_shirt, PLAIN long_shirt; shoes .4: brown
  shoes; hair 0: * messy; weapon 0: dagger
cultist, dark cultist | mage | species: human; hat: black/red/purple hood; weapon .5: dagger; top: black/red/purple
  long_shirt@m, black/red kimono
blacksmith, smith, weaponsmith, armorer, forge master | worker | species: human 20, orc, elder; top: brown/brown/tan
  leather_armor 4, PLAIN sleeveless 2; bottom: EARTH trousers 3, brown overalls; gloves .6: brown/black gloves; weapon
  .5: mace; beard .6: * full_beard 2, * walrus, * short_beard; hat .25: brown/red bandana; cape 0: * cape; belt .3:
  brown leather_belt; build: man 4, woman
farmer, farmhand | worker | top: white/tan/red/green long_shirt 3, PLAIN t_shirt, PLAIN tunic; bottom: blue/brown
  overalls 3, EARTH trousers 2, brown skirt@w; hat .4: tan/yellow/brown cavalier_hat, red bandana, white headscarf@w;
  back .15: basket
fisherman@m, fisher, angler | sailor | hat .5: yellow/blue cavalier_hat, blue bandana; back .3: basket; top:
  yellow/blue long_shirt 2, blue/white striped_top; shoes: black/yellow boots
baker | worker | top: white long_shirt 2, white t_shirt, white blouse, white tunic; bottom: white/brown/gray trousers,
  white skirt@w; hat .4: white bandana, white headscarf@w; gloves 0: * gloves; shoes: brown/black shoes
cook, chef | worker | top: white long_shirt 3, white cardigan, white blouse; bottom: black/gray/white trousers; hat
  .5: white/red bandana; weapon .25: dagger; shoes: black shoes; gloves 0: * gloves
butcher | worker | top: white/red long_shirt, white t_shirt, red/brown leather_armor; weapon .7: dagger; beard .5: *
  walrus, * full_beard; gloves .2: brown gloves
tailor, weaver, seamstress@w | commoner | top: BRIGHT long_shirt, BRIGHT cardigan, BRIGHT blouse, BRIGHT tunic;
  eyewear .4: black glasses; species: human 10, elder, mouse
carpenter, woodworker | worker | top: green/red/tan long_shirt, PLAIN t_shirt; belt .6: brown leather_belt; beard .5:
  * full_beard, * short_beard
miner | worker | hat .7: kettle_hat 2, gray/brown bandana; weapon .3: mace; beard .6: * full_beard; gloves .5: brown
  gloves
lumberjack, woodcutter, logger | worker | top: red/red/green long_shirt; bottom: brown/blue trousers, blue overalls;
  beard .9: * full_beard 2, * long_beard; weapon .3: mace; hat .3: red/black bandana; build: man 5, woman
merchant, trader, peddler, salesman@m, saleswoman@w | noble | top: * fur_coat 2, * long_shirt 2, * cardigan 2, *
  blouse 2, * tunic; hat .5: * feathered_cap, * cavalier_hat, * headscarf; belt .5: brown leather_belt 2, * sash; back
  .3: basket; cape .1: * cape; species: human 15, elder, goblin
shopkeeper, shop owner, storekeeper | commoner | top: white/green/brown/blue cardigan 2, white long_shirt 2, white
  blouse; species: human 10, elder 2, goblin; eyewear .25: black glasses
innkeeper, bartender, barkeep, tavern keeper | commoner | top: white/brown/green long_shirt 3, white blouse 2,
  brown/green sleeveless; beard .6: * walrus, * full_beard, * handlebar; hair: * balding, * short, * bun
barmaid@w, waitress@w, tavern girl@w | commoner | build: woman; top: white blouse 4, red/green tunic; bottom:
  brown/red/green/blue wide_skirt 2, brown/red skirt; shoes: brown/black shoes
maid@w, servant girl@w, housekeeper@w | commoner | build: woman; top: white/black blouse 2, black slit_dress; bottom:
  black wide_skirt 2, black skirt; hat .4: white headscarf, white headband; shoes: black shoes
servant, butler@m, footservant | commoner | top: black cardigan 2, white long_shirt, white blouse; bottom: black
  trousers, black skirt@w; gloves .6: white gloves; shoes: black shoes
messenger, courier | commoner | hat .5: * feathered_cap 2, * hood; cape .4: * cape; shoes: brown boots; belt .5: brown
  leather_belt
miller, mill worker | worker | top: white long_shirt 2, white/tan t_shirt; hat .3: white bandana
shepherd@m, shepherdess@w | commoner | weapon: wooden_staff 3, brown gnarled_staff; hat .4: brown/tan cavalier_hat,
  white/brown hood; cape .2: brown/white cape
stable boy@m, stable hand, groom@m | worker | hat .1: brown bandana
gardener, groundskeeper | worker | top: green/tan/white long_shirt 2, green t_shirt; hat .4: tan/yellow/green
  cavalier_hat; gloves .5: brown/green gloves; back .2: basket
mason, stonemason, builder, bricklayer | worker | gloves .4: brown/gray gloves; hat .3: red/gray/yellow bandana,
  kettle_hat
potter, craftsman@m, artisan | worker | top: brown/tan/red long_shirt, PLAIN sleeveless
herbalist, apothecary | commoner | top: WOODS tunic 2, WOODS long_shirt, WOODS cardigan; back .4: basket; hat .3:
  WOODS hood, white headscarf@w; species: human 10, elf 2, elder
doctor, physician, medic | modern | top: white cardigan 3, white long_shirt 2; eyewear .4: black glasses; bottom:
  black/gray/blue trousers; shoes: black/white shoes
nurse | modern | top: white/light blue t_shirt 2, white blouse, white long_shirt; bottom: white/light blue trousers,
  white skirt@w; hat .3: white headband, white headscarf@w; shoes: white shoes; eyewear .15: white mask
plague doctor | rogue | hat: black cavalier_hat 3, black hood; eyewear: white/black mask; top: black long_shirt, black
  fur_coat@m; gloves: black/brown gloves; cape .5: black cape; weapon .4: wooden_staff
surgeon | modern | top: green/light blue/teal t_shirt; bottom: = trousers; eyewear .9: white/green mask; hat .6:
  green/light blue bandana; gloves .8: white/light blue gloves; weapon 0: dagger
scholar, librarian, sage, historian | commoner | eyewear .7: black glasses; top: brown/blue/red/purple cardigan 2, *
  long_shirt@m, * tunic; species: human 8, elder 3, elf, mouse .3; hair: gray/white/dark brown *
scribe, clerk, secretary | commoner | eyewear .4: black glasses; top: white long_shirt 2, white blouse 2, black
  cardigan
teacher, professor | modern | eyewear .6: black glasses; top: brown/green/blue/gray cardigan 3, white/blue long_shirt,
  white blouse
student, schoolboy@m, schoolgirl@w, pupil | modern | top: white long_shirt, white t_shirt, blue/red cardigan, white
  blouse; bottom: blue/gray/black trousers, blue/gray/red wide_skirt; shoes: black/brown/white shoes
engineer, inventor, tinkerer | worker | eyewear .6: yellow/black glasses; gloves .7: brown/black gloves; top:
  brown/tan leather_armor, white/brown long_shirt; species: human 12, goblin 3, mouse
mechanic, repairman@m | worker | bottom: blue/gray overalls; top: white/gray t_shirt; hat .4: red/blue bandana; gloves
  .5: brown/black gloves
scientist, mad scientist | modern | top: white cardigan 4, white long_shirt; eyewear .7: black/white glasses; hair:
  white/gray wild_spikes, white/gray messy, * bun@w; gloves .3: black/white gloves
sailor, seaman@m, deckhand | sailor |
pirate, buccaneer, corsair | sailor | hat .9: black/black/red pirate_hat 4, red/black bandana 2, black/brown tricorne;
  top: white/red/black striped_top 2, white/red/black long_shirt 2, white/red blouse 2, red/black/brown fur_coat;
  bottom: black/brown/red trousers 3, brown shorts; eyewear .4: black eyepatch; belt .5: red/black sash 2, brown
  leather_belt; weapon .9: scimitar 5, rapier, dagger, STEEL sword; beard .6: * full_beard, * short_beard, *
  handlebar; shoes: black/brown boots
pirate captain, captain hook@m, pirate king@m, pirate queen@w | pirate | hat: black/red pirate_hat 3, black/red
  admiral_hat; top: red/black/blue fur_coat@m 3, red/white blouse 2, red/black long_shirt; cape .15: red/black cape;
  eyewear .5: black eyepatch
ship captain, captain, sea captain, navigator | sailor | hat .9: blue/black admiral_hat 2, blue/black tricorne 2; top:
  blue/black fur_coat@m 2, blue/black cardigan 2, white blouse; shoulders .4: yellow epaulettes; beard .6: gray/white
  full_beard; weapon .4: rapier, scimitar
admiral, navy officer | sailor | hat .95: blue/black admiral_hat; top: blue cardigan 2, blue long_shirt, blue
  fur_coat@m; bottom: white/blue trousers; shoulders .8: yellow epaulettes; gloves .4: white gloves; weapon .5: rapier
bard, minstrel, troubadour@m | noble | hat .8: BRIGHT feathered_cap 3, BRIGHT cavalier_hat; top: BRIGHT long_shirt 2,
  BRIGHT blouse 2, BRIGHT tunic; bottom: BRIGHT leggings 2, brown trousers; cape .3: BRIGHT cape; species: human 12,
  elf 3
dancer, belly dancer@w, ballerina@w | noble | build: woman 4, man; top: BRIGHT slit_dress 3, BRIGHT sleeveless 2,
  BRIGHT blouse; bottom: BRIGHT wide_skirt 2, BRIGHT leggings; cape 0: * cape; shoes .6: BRIGHT shoes, BRIGHT sandals
jester, fool, clown, court jester | noble | top: BRIGHT long_shirt 2, BRIGHT striped_top, BRIGHT blouse; bottom:
  BRIGHT leggings 3, BRIGHT shorts; hat .7: BRIGHT santa_hat, BRIGHT feathered_cap; shoes: BRIGHT shoes; face .5:
  happy; cape 0: * cape
acrobat, juggler, circus performer | noble | top: BRIGHT sleeveless 2, BRIGHT striped_top, BRIGHT t_shirt; bottom:
  BRIGHT leggings; shoes: BRIGHT shoes; cape 0: * cape; hat .1: BRIGHT headband
actor@m, actress@w, entertainer | noble |
singer, pop star, idol | modern | top: BRIGHT cardigan, BRIGHT sleeveless, BRIGHT slit_dress 2; hair: BRIGHT *; shoes:
  * boots, * shoes
noble, nobleman@m, noblewoman@w, aristocrat, rich merchant | noble |
lord@m, duke@m, baron@m, earl@m | noble | build: man; cape .5: ROYAL cape; weapon .3: rapier, golden sword
lady@w, duchess@w, countess@w, baroness@w | noble | build: woman; top: RICH slit_dress; hair: * bun, * long_curls, *
  half_up, * long
king@m, monarch, ruler | noble | build: man; species: human 15, elder 3, elf; top: ROYAL fur_coat 3, ROYAL long_shirt,
  golden plate_armor; cape .9: red/red/purple/blue cape; beard .8: * full_beard 2, * long_beard; weapon .4: golden
  sword, golden diamond_staff; shoes: black/brown boots
queen@w, empress@w | noble | build: woman; top: ROYAL slit_dress 4, white slit_dress; cape .7: red/purple/white cape;
  hair: * long_curls, * bun, * half_up, * very_long; weapon .2: golden diamond_staff; species: human 15, elf 2, elder
prince@m | noble | build: man; cape .5: ROYAL cape; weapon .4: golden/steel sword, rapier; beard 0: * short_beard;
  top: ROYAL/white long_shirt 2, ROYAL fur_coat
princess@w | noble | build: woman; top: pink/pink/purple/blue/white/yellow slit_dress; hair: blonde/red/dark
  brown/black long, * half_up, * long_curls; gloves .3: white gloves; shoes: pink/white shoes; cape .1: pink cape
emperor@m, sultan@m, pharaoh@m | noble | build: man; top: golden plate_armor, purple/red fur_coat 2, purple/red
  long_shirt; cape .9: purple/red cape; weapon .4: golden diamond_staff, golden sword; hat .3: golden crested_helmet
elf queen@w, elven queen@w | noble | build: woman; species: elf; top: green/white/light blue slit_dress; hair:
  blonde/platinum/white very_long, blonde long; cape .6: green/white cape
beggar, homeless man@m, vagabond, tramp | commoner | top: brown/gray long_shirt 2, gray sleeveless, brown tunic;
  bottom: brown/gray trousers, brown shorts; shoes .3: brown sandals; cape .3: brown/gray tattered_cape; hair: *
  messy; beard .7: * full_beard, * long_beard; hat .2: brown hood
hermit, old hermit | commoner | species: elder; beard: white/gray long_beard; hat .4: gray/brown hood; weapon .7:
  wooden_staff, brown gnarled_staff; cape .3: gray/brown tattered_cape
traveler, wanderer, nomad, wayfarer | commoner | hat .6: EARTH hood 2, * headscarf, EARTH cavalier_hat; cape .5: EARTH
  cape; weapon .5: wooden_staff; back .2: basket
explorer, archaeologist, treasure hunter | commoner | hat .6: brown/tan cavalier_hat; top: tan/brown long_shirt 2,
  brown leather_armor, tan blouse; bottom: tan/brown trousers, tan shorts; shoes: brown boots; belt .6: brown
  leather_belt; weapon .2: dagger
desert nomad, desert traveler | commoner | hat .9: white/tan/red headscarf 3, tan hood; eyewear .3: white/tan mask;
  top: white/tan long_shirt 3, white/tan kimono; bottom: white/tan trousers, = skirt; weapon .4: scimitar; shoes:
  brown sandals
peasant, villager, commoner, townsman@m, townswoman@w, civilian, npc | commoner | species: human 25, elder 2
milkmaid@w, peasant girl@w, farm girl@w, village girl@w | commoner | build: woman; species: human; hat .4: white/red
  headscarf; hair: * side_braid, * long; bottom: brown/blue/green skirt 2, brown/blue wide_skirt
prisoner, convict, inmate | commoner | top: gray/black striped_top 3, orange t_shirt, gray/orange long_shirt; bottom:
  gray/orange trousers; shoes .5: brown/black shoes; hair: * buzz_cut, * messy, * short; belt 0: * sash
judge, lawyer | noble | top: black long_shirt 2, black cardigan, black slit_dress; bottom: = skirt, black trousers;
  hair: white/gray long_curls, gray short; cape .2: black cape
mayor, governor | noble | species: human 8, elder 2; beard .6: * walrus, * handlebar; hat .4: black admiral_hat, black
  tricorne; belt .6: red/blue sash
tax collector, banker, moneylender | noble | top: black/green/purple fur_coat 2, black/green cardigan; eyewear .4:
  black glasses; hat .4: black/green feathered_cap; cape .1: black cape; species: human 12, goblin 2, elder
spy, secret agent | rogue | hat .5: black hood, black cavalier_hat; eyewear .4: black glasses 2, black mask; weapon
  .4: dagger
detective, investigator | modern | top: brown/tan/gray cardigan, brown/tan fur_coat@m; hat .6: brown/gray
  cavalier_hat; bottom: brown/gray trousers; shoes: brown/black shoes
cowboy@m, cowgirl@w, gunslinger | commoner | hat: brown/tan/black cavalier_hat; top: brown/tan leather_armor 2,
  red/white long_shirt 2, white blouse; bottom: blue/brown trousers; shoes: brown boots; eyewear .1: red mask; belt
  .6: brown leather_belt
santa claus@m, santa@m, father christmas@m | commoner | species: elder; build: man; hat: red santa_hat; top: red
  fur_coat 2, red long_shirt; bottom: red trousers; shoes: black boots; beard: white long_beard 2, white full_beard;
  hair: white *; gloves .5: white/black gloves; belt .5: black/white sash; back .2: basket
christmas elf, santa's helper | commoner | species: elf; hat: red/green santa_hat; top: red/green tunic, red/green
  long_shirt; bottom: red/green leggings; shoes: red/green/brown boots
geisha@w, kimono girl@w | eastern | build: woman; top: red/pink/purple/light blue kimono; hair: black bun; belt: *
  obi; shoes: tan sandals
martial artist, karate fighter, karateka, judoka | eastern | top: white long_shirt 3, white cardigan; bottom: white
  trousers; belt: black/red/brown/white obi; shoes 0: black shoes; hat .3: red/white headband; weapon 0: katana
superhero, superheroine@w | modern | cape .9: red/blue/black/yellow cape; top: red/blue/black/yellow/green long_shirt;
  bottom: = leggings 2, * leggings; shoes: red/black/yellow boots; eyewear .4: black/red mask; gloves .4:
  red/black/white gloves
punk, punk rocker | modern | hair: pink/green/purple/blue/red spiky 2, pink/green/red wild_spikes; top: black
  sleeveless 2, black/red leather_armor; bottom: black/red trousers, black shorts; shoes: black boots
rock star, rocker, metalhead, guitarist | modern | hair: * long, * messy, * wild_spikes; top: black t_shirt, black/red
  sleeveless, black leather_armor; bottom: black leggings, black trousers; shoes: black boots
biker | modern | top: black leather_armor; bottom: black/blue trousers; shoes: black boots; hat .5: black/red bandana;
  eyewear .4: black glasses; beard .7: * full_beard, * handlebar; gloves .6: black gloves
goth, goth girl@w, emo | modern | species: human 10, vampire; hair: black long, black bob, purple/black side_swept;
  top: black slit_dress, black sleeveless, black long_shirt; bottom: black leggings, black wide_skirt, black trousers;
  shoes: black boots
hippie | modern | hair: * long, * very_long_wavy, * long_dreadlocks; hat .6: BRIGHT headband 2, BRIGHT bandana; top:
  BRIGHT tunic, BRIGHT striped_top, BRIGHT t_shirt; shoes: brown sandals
athlete, runner, jogger, sportsman@m | modern | top: BRIGHT sleeveless 2, BRIGHT t_shirt; bottom: * shorts 3, black
  leggings; shoes: * shoes; hat .4: BRIGHT headband
boxer, wrestler, brawler | modern | top .4: * sleeveless; bottom: red/blue/black/yellow shorts; gloves: red/blue/black
  gloves; shoes: black/white/red boots, * shoes; hair: * buzz_cut, * short
hacker, programmer, gamer, geek, nerd | modern | eyewear .6: black/blue glasses; top: black/gray/blue/green t_shirt 2,
  black/gray cardigan; hat .2: black/gray hood
office worker, businessman@m, businesswoman@w, accountant | modern | top: white long_shirt 2, black/gray/blue cardigan
  2, white blouse; bottom: black/gray/blue trousers, black/gray skirt@w; shoes: black/brown shoes; eyewear .3: black
  glasses
tourist, vacationer | modern | top: BRIGHT t_shirt; bottom: tan/white/blue shorts; shoes: brown sandals, white shoes;
  eyewear .5: black glasses; hat .2: tan cavalier_hat
astronaut, spaceman@m, space explorer | modern | top: white long_shirt; bottom: white trousers; hat .7: steel
  visor_helmet, steel great_helm; gloves: white/gray gloves; shoes: white/gray boots
space knight, jedi, star knight | mage | weapon: blue/red glow_sword; top: brown/tan/black/white long_shirt@m,
  brown/tan kimono, brown tunic; bottom: brown/tan trousers; hat .4: brown/black hood; cape .4: brown/black cape
cat girl@w, catgirl@w, cat person, neko | modern | ears: * cat_ears; tail: * cat_tail; species: human; hat 0: *
  bandana; build: woman 4, man
wolf girl@w, wolf person, werewolf, wolfman@m | wild | ears: gray/black/dark brown/white wolf_ears; tail:
  gray/black/dark brown/white wolf_tail; species: human; hat 0: * bandana; hair: gray/black/dark brown messy 2,
  gray/black/white long
fox girl@w, fox person, kitsune | eastern | ears: orange/red/white wolf_ears; tail: orange/red/white wolf_tail; hair:
  orange/red/white *; hat 0: * hood; build: woman 4, man
faun, satyr@m, horned druid | wild | ears: curled_horns; top .5: WOODS leather_armor, WOODS tunic; weapon .4:
  wooden_staff; hat 0: * bandana; species: human 8, elf
amazon@w, jungle warrior | wild | build: woman; top: LEATHER leather_armor 2, brown/green sleeveless; weapon: brown
  bow 2, STEEL sword; shoes: brown sandals, brown boots
caveman@m, cavewoman@w, tribesman@m, savage | wild | top .4: brown fur_coat, brown/tan sleeveless; shoes .2: brown
  sandals; weapon .8: mace; species: human
gravedigger, undertaker | worker | top: black/gray long_shirt 2, black cardigan; bottom: DARK trousers; hat .5: black
  cavalier_hat, black hood
beast tamer, animal handler | wild | gloves .7: brown gloves; weapon .4: wooden_staff; top: LEATHER leather_armor; hat
  .2: brown bandana
dragon slayer, monster slayer | knight | species: human; weapon: longsword 3, STEEL sword; shoulders .6: METAL
  shoulder_plates; cape .4: red/black cape; hat .4: METAL winged_helmet, METAL horned_helmet
dungeon guard, jailer, prison guard | soldier | hat .6: kettle_hat, black hood; weapon .9: mace 2, STEEL sword; top:
  LEATHER leather_armor 2, iron chainmail
royal guard, palace guard | guard | top: golden/steel plate_armor 2, red/blue tabard; hat .9: golden/steel
  crested_helmet; cape .4: red/blue cape
battle nun@w, war priest@m | cleric | weapon: mace; top: STEEL plate_armor, STEEL chainmail; cape .5: white cape
bride@w | noble | build: woman; top: white slit_dress; hat .3: white headscarf; gloves .6: white gloves; shoes: white
  shoes; cape 0: * cape
groom in a suit@m, gentleman in a suit@m, waiter@m | modern | build: man; top: black cardigan 2, black long_shirt;
  bottom: black trousers; shoes: black shoes; weapon 0: dagger
"""
