"""Own text: tables of animals, sizes, materials, lists, rhymes, and things of nature, for the third nano's conversations."""

# name, legs, colour, sound, what it eats, where it lives, what covers it, its young, whether it can fly
ANIMALS = '''
dog|4|brown|bark|meat|in a house|fur|puppy|no
cat|4|black|meow|mice|in a house|fur|kitten|no
horse|4|brown|neigh|grass|on a farm|hair|foal|no
cow|4|brown|moo|grass|on a farm|hair|calf|no
pig|4|pink|oink|roots|on a farm|skin|piglet|no
sheep|4|white|baa|grass|on a farm|wool|lamb|no
goat|4|white|bleat|grass|on a farm|hair|kid|no
donkey|4|gray|bray|grass|on a farm|hair|foal|no
rabbit|4|gray|squeak|grass|in a hole|fur|bunny|no
mouse|4|gray|squeak|seeds|in a hole|fur|pup|no
rat|4|gray|squeak|seeds|in a hole|fur|pup|no
lion|4|yellow|roar|meat|in Africa|fur|cub|no
tiger|4|orange|roar|meat|in the forest|fur|cub|no
bear|4|brown|growl|honey|in the forest|fur|cub|no
wolf|4|gray|howl|meat|in the forest|fur|cub|no
fox|4|red|bark|mice|in the forest|fur|cub|no
deer|4|brown|bell|leaves|in the forest|hair|fawn|no
elephant|4|gray|trumpet|leaves|in Africa|skin|calf|no
giraffe|4|yellow|hum|leaves|in Africa|hair|calf|no
zebra|4|black and white|bark|grass|in Africa|hair|foal|no
camel|4|brown|grunt|grass|in the desert|hair|calf|no
kangaroo|2|brown|grunt|grass|in Australia|fur|joey|no
monkey|2|brown|chatter|fruit|in trees|fur|baby|no
squirrel|4|red|chatter|nuts|in trees|fur|kit|no
hedgehog|4|brown|snuffle|insects|in the garden|spines|hoglet|no
bat|2|black|squeak|insects|in a cave|fur|pup|yes
hen|2|brown|cluck|seeds|on a farm|feathers|chick|no
rooster|2|red|crow|seeds|on a farm|feathers|chick|no
duck|2|brown|quack|plants|on a pond|feathers|duckling|yes
goose|2|white|honk|grass|on a farm|feathers|gosling|yes
swan|2|white|hiss|plants|on a lake|feathers|cygnet|yes
owl|2|brown|hoot|mice|in trees|feathers|owlet|yes
eagle|2|brown|scream|meat|in the mountains|feathers|eaglet|yes
crow|2|black|caw|seeds|in trees|feathers|chick|yes
parrot|2|green|talk|fruit|in trees|feathers|chick|yes
pigeon|2|gray|coo|seeds|in towns|feathers|squab|yes
sparrow|2|brown|chirp|seeds|in towns|feathers|chick|yes
penguin|2|black and white|honk|fish|in the south|feathers|chick|no
ostrich|2|black|boom|plants|in Africa|feathers|chick|no
robin|2|red|sing|insects|in the garden|feathers|chick|yes
frog|4|green|croak|insects|in a pond|skin|tadpole|no
toad|4|brown|croak|insects|in the garden|skin|tadpole|no
snake|0|green|hiss|mice|in grass|scales|baby|no
lizard|4|green|hiss|insects|on rocks|scales|baby|no
turtle|4|green|hiss|plants|in water|a shell|baby|no
crocodile|4|green|growl|meat|in rivers|scales|baby|no
fish|0|silver|nothing|small animals|in water|scales|fry|no
shark|0|gray|nothing|fish|in the sea|skin|pup|no
whale|0|blue|sing|small animals|in the sea|skin|calf|no
dolphin|0|gray|click|fish|in the sea|skin|calf|no
trout|0|silver|nothing|insects|in rivers|scales|fry|no
worm|0|pink|nothing|dead leaves|in the ground|skin|baby|no
snail|0|brown|nothing|leaves|in the garden|a shell|baby|no
spider|8|black|nothing|flies|in a web|hair|spiderling|no
ant|6|black|nothing|plants|in a nest|a hard skin|larva|no
bee|6|yellow|buzz|nectar|in a hive|hair|larva|yes
wasp|6|yellow|buzz|insects|in a nest|a hard skin|larva|yes
fly|6|black|buzz|food of all kinds|in houses|a hard skin|maggot|yes
butterfly|6|yellow|nothing|nectar|in the garden|scales|caterpillar|yes
beetle|6|black|nothing|plants|in the ground|a hard skin|grub|yes
mosquito|6|gray|buzz|blood|near water|a hard skin|larva|yes
crab|10|red|nothing|small animals|in the sea|a shell|larva|no
lobster|10|red|nothing|small animals|in the sea|a shell|larva|no
octopus|8|red|nothing|crabs|in the sea|skin|larva|no
'''

# from small to large
SIZES = '''flea|ant|fly|bee|wasp|beetle|butterfly|snail|spider|frog|mouse|sparrow|robin|toad|rat|squirrel|hedgehog|pigeon|crow|owl|duck|hen|rabbit|cat|goose|fox|swan|eagle|dog|goat|sheep|wolf|kangaroo|pig|deer|lion|tiger|donkey|bear|crocodile|zebra|horse|cow|camel|giraffe|elephant|whale'''
THING_SIZES = '''grain of sand|pea|coin|button|key|egg|apple|cup|shoe|book|hat|loaf|bucket|chair|bicycle|table|bed|horse|car|elephant|bus|house|train|church|ship|castle|mountain|city|island|country|moon|earth|sun'''
ORDERS = '''second|minute|hour|day|week|month|year|century
ant|mouse|cat|dog|horse|elephant
drop|puddle|pond|lake|sea
house|village|town|city|country
baby|child|adult
morning|noon|evening|night
breakfast|lunch|dinner
spring|summer|autumn|winter
walk|run|fly'''

COLOURS = '''banana yellow, lemon yellow, sun yellow, strawberry red, tomato red, cherry red, blood red, rose red, apple red, fire red, carrot orange, orange orange, pumpkin orange, grass green, leaf green, frog green, cucumber green, pea green, cabbage green, lettuce green, sky blue, sea blue, ocean blue, snow white, milk white, salt white, sugar white, cloud white, swan white, paper white, cotton white, coal black, night black, tire black, crow black, chocolate brown, bear brown, soil brown, bread brown, coffee brown, wood brown, pig pink, flamingo pink, elephant gray, mouse gray, stone gray, plum purple, grape purple, violet purple, gold yellow, silver gray'''

# what things are made of
MADE_OF = '''table wood, chair wood, door wood, bench wood, shelf wood, cupboard wood, pencil wood, violin wood, guitar wood, fence wood, boat wood, cart wood, barrel wood, ladder wood, window glass, bottle glass, mirror glass, knife steel, fork steel, spoon steel, hammer steel and wood, nail iron, sword steel, needle steel, scissors steel, bridge stone, castle stone, wall stone, statue stone, lighthouse stone, tower stone, church stone, house brick and wood, chimney brick, lantern metal and glass, lamp metal and glass, candle wax, book paper, newspaper paper, letter paper, map paper, envelope paper, shirt cotton, sheet cotton, sock wool, sweater wool, blanket wool, shoe leather, boot leather, belt leather, saddle leather, cup clay, plate clay, brick clay, vase clay, pot iron, pan iron, anchor iron, coin metal, ring gold, crown gold, bell bronze, tire rubber, ball rubber, balloon rubber, rope hemp, basket straw, hat felt, tent cloth, sail cloth, curtain cloth, flag cloth, car metal, train metal, ship steel, bicycle metal, drum wood and skin, trumpet brass, flute metal, piano wood, bread flour and water, butter milk, cheese milk, wine grapes, snowman snow, cloud water, sea water, ice water, rain water'''

LISTS = '''animals: dog, cat, horse, cow, sheep, pig, lion, fox, bear, wolf, rabbit, mouse, goat, deer, elephant
birds: eagle, owl, crow, duck, goose, swan, robin, sparrow, parrot, pigeon, hen
fish: trout, salmon, shark, herring, cod, carp, tuna
insects: ant, bee, wasp, fly, beetle, butterfly, mosquito
fruits: apple, pear, cherry, lemon, orange, banana, plum, peach, grape, strawberry
vegetables: carrot, potato, onion, cabbage, pea, bean, cucumber, pumpkin, lettuce
colors: red, blue, green, yellow, black, white, brown, orange, purple, pink, gray
metals: iron, gold, silver, copper, tin, lead, zinc
musical instruments: violin, piano, drum, flute, trumpet, guitar, harp, cello, organ
tools: hammer, saw, axe, knife, drill, shovel, rake, file
vehicles: car, bus, train, bicycle, truck, cart, ship, boat
pieces of furniture: table, chair, bed, shelf, desk, bench, cupboard, sofa
clothes: shirt, coat, hat, shoe, sock, dress, glove, scarf, skirt
body parts: head, hand, foot, arm, leg, nose, ear, eye, knee, finger
planets: Mercury, Venus, Earth, Mars, Jupiter, Saturn, Uranus, Neptune
drinks: water, milk, tea, coffee, wine, beer, juice
trees: oak, pine, birch, beech, maple, willow, elm, ash
flowers: rose, tulip, daisy, lily, violet, sunflower, poppy
months: January, February, March, April, May, June, July, August, September, October
days: Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday
seasons: spring, summer, autumn, winter
sports: football, tennis, swimming, running, hockey, golf, rowing
jobs: baker, doctor, teacher, farmer, cook, judge, nurse, sailor, tailor, painter
languages: English, French, German, Spanish, Italian, Russian, Latin, Greek
shapes: circle, square, triangle, line, cube, ball
feelings: joy, anger, fear, love, hope, pride, shame, envy
buildings: house, church, castle, school, tower, barn, hospital, palace
rooms: kitchen, bedroom, bathroom, cellar, hall, library
foods: bread, cheese, meat, rice, soup, egg, butter, honey
spices: pepper, salt, ginger, mustard, garlic
weapons: sword, bow, spear, gun, axe, dagger
games: chess, cards, tag, dice, football
toys: ball, doll, kite, top, puzzle
farm animals: cow, pig, sheep, goat, hen, horse, duck, goose
wild animals: lion, wolf, bear, fox, tiger, deer, elephant
pets: dog, cat, rabbit, parrot, hamster
rivers: Nile, Danube, Rhine, Thames, Amazon, Seine
oceans: Atlantic, Pacific, Indian, Arctic
continents: Africa, Asia, Europe, North America, South America, Australia
relatives: mother, father, sister, brother, uncle, aunt, cousin
gems: diamond, ruby, pearl, emerald
numbers: one, two, three, four, five, six, seven, eight'''

RHYMES = '''cat hat bat rat mat sat fat flat
night light sight right bright might fight white kite
day say way play may gray stay tray
tree see bee sea free me key three
moon soon spoon noon tune
star far car bar jar
house mouse blouse
dog fog log frog hog
fish dish wish
rain train plain chain brain pain lane
sun run fun gun son one
sky high fly dry cry my why try
snow go low slow know show grow blow toe
ring sing king bring spring thing wing
ball tall fall wall small call hall
bell tell well sell fell shell
boat coat goat float note
book look cook hook took
cake lake make snake take wake
door four more floor shore store
bed red head bread said dead
land hand sand stand band
heart part start art cart
hill will still mill fill bill
hot pot not lot got knot
ice nice rice mice price
lamp camp damp stamp
name game same came flame
nose rose those close
pin tin win thin bin
rock clock sock lock block
ship trip lip tip hip
sheep deep sleep keep
song long strong wrong
stone alone bone phone throne
time rhyme lime climb
town brown down crown gown
bear hair chair pear air there fair
blue new shoe true two you zoo
corn horn born morn
cold old gold told hold
dream stream cream team
eye pie lie
fire wire tire
flower hour tower power shower
green queen bean seen
honey money funny sunny
jump bump pump lump
kitten mitten bitten
love dove glove above
mountain fountain
nest best west rest test guest
pen ten hen men then
road load toad
sad bad mad glad had
week speak cheek
wind pinned
wine fine line mine nine
year hear near dear ear beer
summer drummer
winter printer
water daughter
table cable able
garden pardon
letter better wetter'''

# question forms, and an answer of one sentence
NATURE = '''the sky is blue|is the sky blue|the blue sky|The air scatters the blue part of the sun's light more than the rest.
the sky is red in the evening|is the sunset red|red sunsets|In the evening the light comes a long way through the air, and only the red part is left.
it rains|does it rain|rain|Water rises from the sea as vapor, turns into clouds and falls as drops.
it snows|does it snow|snow|In cold clouds the water freezes into crystals, which fall as snow.
the wind blows|does the wind blow|wind|The sun warms the air unevenly, and air moves from where it presses more to where it presses less.
leaves fall in autumn|do leaves fall in autumn|falling leaves|Trees drop their leaves to save water in the cold time of the year.
leaves are green|are leaves green|green leaves|Leaves hold a green matter that catches the light of the sun.
there are rainbows|are there rainbows|rainbows|Drops of rain bend the light of the sun and part it into its colors.
there is thunder|does it thunder|thunder|Lightning heats the air so fast that it bangs.
there is lightning|is there lightning|lightning|Clouds become charged with electricity, and a big spark jumps between them or to the ground.
the sea is salty|is the sea salty|the salt of the sea|Rivers wash salt out of the rocks and carry it to the sea.
there are tides|are there tides|tides|The moon pulls on the water of the sea and makes it rise and fall.
it gets dark at night|is it dark at night|night|The earth turns, and at night our side of it looks away from the sun.
there are seasons|are there seasons|the seasons|The earth leans as it goes around the sun, so each half gets more light in one part of the year.
it is cold in winter|is it cold in winter|winter|In winter the sun stands low and the days are short, so the ground gets little warmth.
it is warm in summer|is it warm in summer|summer|In summer the sun stands high and the days are long, so the ground gets much warmth.
ice floats|does ice float|floating ice|Ice is lighter than water of the same size.
wood floats|does wood float|floating wood|Wood is lighter than the water that it pushes away.
water boils|does water boil|boiling|When water is hot enough, it turns into vapor everywhere and bubbles.
iron rusts|does iron rust|rust|Iron joins with the oxygen of wet air and turns into rust.
fire is hot|is fire hot|fire|In a fire things join with oxygen, and that sets heat free.
a candle burns|does a candle burn|candles|The wick draws up melted wax, whose vapor burns.
things fall down|do things fall|falling|The earth pulls all things toward its middle; this is gravity.
the moon shines|does the moon shine|moonlight|The moon throws back the light of the sun.
the moon changes its shape|does the moon change its shape|the phases of the moon|As the moon goes around the earth, we see more or less of its lit side.
the sun shines|does the sun shine|sunlight|The sun is very hot within, and that makes it shine.
stars twinkle|do stars twinkle|twinkling stars|The air moves and bends the light of the stars a little.
birds fly|can birds fly|the flight of birds|Birds have wings and light bones, and their wings press the air down.
fish can breathe under water|can fish breathe under water|gills|Fish take oxygen out of the water with their gills.
bees make honey|do bees make honey|honey|Bees make honey from nectar as food for the winter.
cats purr|do cats purr|purring|A cat mostly purrs when it feels well.
dogs bark|do dogs bark|barking|Dogs bark to warn others and to call them.
people sleep|do people sleep|sleep|Sleep lets the body and the brain rest and mend themselves.
people eat|do people eat|eating|Food gives the body energy and what it needs to grow.
we breathe|do we breathe|breathing|The body needs oxygen from the air to live.
plants need light|do plants need light|the growth of plants|Plants use the light of the sun to make their food.
volcanoes erupt|do volcanoes erupt|eruptions|Hot melted rock presses up from below until it breaks out.
there are earthquakes|are there earthquakes|earthquakes|Large plates of rock below us move, get stuck and slip all at once.
there is fog|is there fog|fog|When wet air cools near the ground, its water forms tiny drops.
there is dew|is there dew|dew|At night the ground cools, and water from the air settles on it.
bread rises|does bread rise|rising bread|Yeast in the dough makes a gas, and its bubbles lift the bread.
an echo comes back|is there an echo|echoes|Sound bounces back from a wall or a hill.
a magnet pulls iron|does a magnet pull iron|magnets|A magnet lines up the tiny magnets in iron, and they pull each other.
ships float|do ships float|floating ships|A ship pushes away as much water as it weighs, and the water bears it.
rivers flow|do rivers flow|rivers|Water runs downhill, and rivers carry it to the sea.
deserts are dry|are deserts dry|deserts|Little rain falls there, since the air has lost its water before.
grass is green|is grass green|green grass|Grass holds a green matter that catches the light of the sun.
snow is white|is snow white|white snow|The many faces of its crystals throw back all colors of light.
we have bones|do we have bones|bones|Bones hold the body up and protect what is soft in it.
the heart beats|does the heart beat|the heart|The heart beats to pump blood through the body.
people get old|do people get old|old age|With the years the body mends itself less and less well.
onions make you cry|do onions make you cry|onions and tears|A cut onion sets free a vapor that stings the eyes.'''

JOKES = '''What has four legs and cannot walk? A table.
Why did the hen cross the road? To get to the other side.
What has hands and cannot clap? A clock.
What has a neck and no head? A bottle.
What gets wet while it dries? A towel.
What has teeth and cannot bite? A comb.
Why is six afraid of seven? Because seven ate nine.
What has an eye and cannot see? A needle.
What goes up when the rain comes down? An umbrella.
What kind of room has no doors? A mushroom.'''
