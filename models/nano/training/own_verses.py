"""Own text: lines of verse by topic and rhyme, and stories of three sentences with gaps."""

# topic: pairs of lines that rhyme; a verse is two pairs
VERSES = '''
sea: The sea is wide, the sea is deep, / and all its fishes are asleep.
sea: The waves come in, the waves go out, / the gulls fly round and cry about.
sea: A little ship sails on the blue, / the sea is calm, the wind is new.
sea: I hear the sea beneath the hill, / it sings all night and is not still.
winter: The snow is falling soft and white, / it covers all the world tonight.
winter: The winter wind is cold and strong, / the days are short, the nights are long.
winter: The lake is ice, the trees are bare, / and winter stars are in the air.
summer: The summer sun is warm and high, / and not a cloud is in the sky.
summer: The bees are in the field all day, / the children run outside to play.
summer: The grass is green, the days are long, / and every bird has learned a song.
spring: The snow has gone, the brook runs free, / new leaves are green on every tree.
spring: The first small flowers show their head, / some white, some blue, and some are red.
autumn: The leaves turn yellow, brown and red, / and fall asleep upon their bed.
autumn: The fields are bare, the corn is in, / the evening mist is white and thin.
night: The night is dark, the house is still, / the moon is up above the hill.
night: The stars look down on field and street, / and all the world is soft and sweet.
moon: The moon is round, the moon is bright, / it is the lantern of the night.
moon: The moon looks in and sees me sleep, / and all my secrets it will keep.
sun: The sun gets up and makes it day, / and all the shadows run away.
sun: O golden sun, so warm and round, / you wake the seed within the ground.
bird: A little bird sat in a tree / and sang a little song to me.
bird: It spread its wings and off it flew, / a small dark spot against the blue.
cat: My cat is soft, my cat is gray, / she sleeps beside the fire all day.
cat: At night she walks without a sound, / and looks for mice on garden ground.
dog: My dog is brown and likes to run, / he plays with me in rain and sun.
dog: He wags his tail, he licks my hand, / the truest friend in all the land.
horse: The horse runs fast across the plain, / the wind is playing with its mane.
horse: It stops to drink beside the stream, / as quiet as a morning dream.
tree: The old oak tree stands tall and wide, / and many birds in it can hide.
tree: It has been here for many a year, / and all our songs are in its ear.
rain: The rain is falling on the town, / it runs along the roofs and down.
rain: I hear it tapping on the pane, / a quiet song, the song of rain.
snow: The snow comes down without a sound, / and lies in silence on the ground.
snow: It hides the road, it hides the stone, / and leaves the world so white, alone.
flower: A little flower, white and small, / is growing by the garden wall.
flower: It opens up to greet the sun, / and closes when the day is done.
rose: The rose is red, the leaf is green, / the finest flower I have seen.
rose: Its scent is sweet, its thorn is long, / and now I put it in my song.
love: My love is like a quiet light / that shines for me by day and night.
love: And where you go, there I will go, / through summer sun and winter snow.
friend: A friend is one who stays with you / when skies are gray, when skies are blue.
friend: So take my hand and walk with me / along the hill, down to the sea.
mother: My mother sings when I am ill, / and then the world is warm and still.
mother: Her hands are kind, her voice is low, / she knows the things that mothers know.
river: The river runs from hill to sea, / and has no time to talk to me.
river: It turns the mill, it bears the boat, / and on its waves the white swans float.
mountain: The mountain stands in ice and snow, / and sees the little towns below.
mountain: The eagle flies about its head, / at evening it is gold and red.
wind: The wind goes by, I do not know / from where it came or where will go.
wind: It shakes the tree, it bends the grass, / and all the clouds must let it pass.
fire: The fire is red, the fire is gold, / it keeps us warm when nights are cold.
fire: We sit around it, hand in hand, / and talk about a distant land.
home: However far away I roam, / a lamp is burning still at home.
home: There stands my bed, there stands my chair, / and those I love are waiting there.
garden: Behind the house a garden lies / with apple trees and butterflies.
garden: There I will sit till day is done, / and share an apple with the sun.
star: A little star is shining bright, / it is my friend in every night.
star: So far away, so small, so clear, / and yet it seems to be so near.
town: The town wakes up, the bells all ring, / the baker and the cobbler sing.
town: The streets are full, the shops are bright, / and all is quiet late at night.
any: I thought of {x} the other day, / and had so many things to say.
any: They took my breath, they stole my rhyme, / so I will try another time.
any: Some praise the sun, some praise the sea, / but {x} is good enough for me.
any: I sing of {x}, I sing it low, / it is the finest thing I know.
any: When I am old and gray of hair, / I hope that {x} will still be there.
any: So here my little song is done, / of {x}, the moon and of the sun.
'''

# first, second and third sentences; {a} and {b} are the heroes, {p} a place, {t} a thing
STORIES = [
    ['Once upon a time {a} lived {p}.', 'There was once {a} who lived {p}.', 'Long ago {a} lived all alone {p}.', 'In a far land {a} had a small home {p}.'],
    ['One day {A} met {b}, and they looked for {t} together.', 'One morning {b} came and asked {A} for help, for {t} was lost.', 'One evening {A} found {t} and showed it to {b}.', 'Then {b} came by and wanted to have {t}, but {A} did not give it away.'],
    ['In the end they became friends and shared all that they had.', 'They found it under a stone, and from then on they were the best of friends.', 'So they lived in peace, and nobody was ever hungry again.', 'And since that day they have been happy together.'],
]
HEROES = 'fox, wolf, bear, mouse, cat, dog, hen, frog, crow, horse, lion, rabbit, king, queen, boy, girl, farmer, sailor, baker, giant, witch, dragon, princess, knight, old man, old woman, robot, shepherd, owl, goose, donkey, bird'
PLACES = 'in the forest, by the sea, on a hill, in a small town, near a lake, in an old tower, on an island, under a bridge, at the edge of a field, in a castle'
TREASURES = 'a golden key, a silver bell, a red apple, an old lantern, a little boat, a warm coat, a blue stone, a magic ring, a loaf of bread, a lost letter'
