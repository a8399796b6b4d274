"""Own text: tools for files, mostly those of the MCP server server-filesystem, with questions, results and answers."""
import json, os
import words as w
from fillers import COLORS, EVENTS, JOBS, MESSAGES, ROOMS, TASKS, city, clock, file, folder, number, person, sentences, stem, things
from words import cap, chance, joined, pick, rng

REAL = json.load(open(f'{os.path.dirname(os.path.abspath(__file__))}/heldout/toolsets.json'))['files']
RENAMED = dict(
    read_text_file=['read_file', 'text_of', 'file_text', 'look_into', 'get_text', 'see_file', 'print_file_text', 'what_is_in', 'read_document', 'open_file', 'cat', 'load_file', 'file_read', 'get_file', 'read', 'show_file', 'view_file', 'file_contents', 'readFile'], list_directory=['names', 'look_in', 'see_folder', 'entries', 'folder_list', 'all_files', 'what_files', 'ls', 'list_files', 'dir', 'list_dir', 'show_folder', 'files_in', 'list', 'folder_contents', 'listDirectory'],
    write_file=['save_file', 'write', 'create_file', 'file_write', 'save', 'put_file', 'new_file'], create_directory=['mkdir', 'make_dir', 'new_folder', 'create_folder', 'make_folder'],
    move_file=['mv', 'rename', 'move', 'rename_file', 'relocate'], get_file_info=['stat', 'file_info', 'info', 'file_size', 'file_stats'], search_files=['find', 'find_files', 'search', 'glob', 'locate'], directory_tree=['tree', 'show_tree', 'folder_tree'], list_allowed_directories=['allowed', 'roots', 'allowed_folders', 'my_folders'])
ABOUT = dict(
    read_text_file=['Reads a text file', 'Read a file', 'The contents of a file', 'Shows what is in a file', 'Opens a file and returns its text'], list_directory=['Lists a folder', 'Files of a directory', 'Shows the names of files in a folder', 'List directory entries'],
    write_file=['Writes a text to a file', 'Saves a file', 'Creates a file with a text'], create_directory=['Makes a folder', 'Creates a directory'], move_file=['Moves a file', 'Renames a file or folder'], get_file_info=['Size and date of a file', 'Facts about a file'],
    search_files=['Finds files by a pattern', 'Searches a folder for names'], directory_tree=['All files and folders below a folder'], list_allowed_directories=['The folders that may be read', 'Allowed directories'])
A_FILE = ['a file', 'a text file', 'the file', 'a document', 'a file of text', 'one file', 'a file on disk']
A_FOLDER = ['a folder', 'a directory', 'the folder', 'one folder', 'a folder on disk']
DOES = dict(read_text_file=['Reads ~', 'Shows ~', 'Opens ~', 'Returns the text of ~', 'Says what is in ~', 'The text of ~', 'The contents of ~', 'Loads ~', 'Prints ~', 'Get what ~ says', 'Gives back what ~ contains', 'Views ~'], list_directory=['Lists ~', 'Shows ~', 'What is in ~', 'The names in ~', 'Returns the entries of ~', 'All files of ~', 'The files that lie in ~', 'Reads the names in ~', 'Contents of ~', 'Which files ~ has'],
            write_file=['Writes ~', 'Saves a text as ~', 'Creates ~ with a text', 'Puts a text into ~', 'Stores a text in ~', 'Makes ~ of a text'], create_directory=['Makes ~', 'Creates ~', 'Adds ~', 'Sets ~ up'], move_file=['Moves ~', 'Renames ~', 'Gives ~ a new name', 'Puts ~ elsewhere', 'Changes the name of ~'], get_file_info=['Size and date of ~', 'Facts about ~', 'How large ~ is', 'When ~ was changed', 'Details of ~', 'Says how big and old ~ is'],
            search_files=['Finds files in ~ by a pattern', 'Searches ~ for names', 'Files below ~ that match'], directory_tree=['All that is below ~', 'The tree of ~', 'Shows ~ and its folders as a tree'])


def about(was):
    if was not in DOES or chance(0.35):
        return pick(ABOUT[was])
    return pick(DOES[was]).replace('~', pick(A_FOLDER if 'director' in was or was == 'search_files' else A_FILE)) + pick(['', '', '', '.', ' by its path', ' for the user', ' by name'])


PATHS = ['path', 'path', 'path', 'file', 'filename', 'name', 'file_path', 'target']


def file_tools(needed=None):
    """A list as the server gives it, all of it or a part; sometimes other tools for files."""
    r = rng.random()
    if r < 0.3:
        tools = list(REAL)
    else:
        tools = [t for t in REAL if t['name'] == needed or t['name'] == 'read_text_file' and needed is None or chance(0.32)]
        if chance(0.5):
            rng.shuffle(tools)
    if needed == 'read_text_file' and not any(t['name'] == needed for t in tools):
        tools.append(next(t for t in REAL if t['name'] == needed))
    if r > 0.6:
        tools = [renamed(t) for t in tools if t['name'] in RENAMED]
        names = [t['name'] for t in tools]
        tools = [t for i, t in enumerate(tools) if t['name'] not in names[:i]]
    return tools


def renamed(tool):
    """Another name, description and arguments; `was` is the name that it had."""
    was, schema = tool['name'], tool['parameters']
    first = pick(PATHS)
    keys = {k: first if k == 'path' else k for k in schema.get('properties', {})}
    if was == 'move_file' and chance(0.6):
        keys = dict(zip(keys, pick([('from', 'to'), ('old', 'new'), ('src', 'dst'), ('old_name', 'new_name')])))
    if was == 'write_file' and chance(0.4):
        keys['content'] = pick(['text', 'data', 'contents'])
    few = chance(0.6)
    properties = {keys[k]: v for k, v in schema.get('properties', {}).items() if not few or k in schema.get('required', [])}
    return dict(name=pick(RENAMED[was]), description=about(was), was=was, keys=keys, parameters=dict(type='object', properties=properties, required=[keys[k] for k in schema.get('required', [])]))


def call_of(tools, name, args):
    tool = next((t for t in tools if t.get('was', t['name']) == name), None)
    if tool is None:
        return None
    keys = tool.get('keys', {})
    return [(tool['name'], {keys.get(k, k): v for k, v in args.items()})]


READ = ['What does the file {f} say?', 'What does {f} say?', 'Read {f}.', 'Read the file {f}.', 'Show me {f}.', 'What is in {f}?', 'What is in the file {f}?', 'Open {f}', 'Print {f}.', 'Can you read {f} for me?', 'Read {f} to me.', 'Give me the text of {f}.', 'What is written in {f}?', 'cat {f}', 'Tell me what {f} contains.', 'Look into {f}.', 'Let me see {f}', 'What are the contents of {f}?', 'I want to read {f}.', 'Open the file {f} and read it.', 'Have a look at {f}, please.', 'show the file {f}', 'Please open {f} and tell me what it says.', 'Could you check what {f} says?']
LIST = ['What files are in {d}?', 'List {d}.', 'List the files in {d}.', 'What is in the folder {d}?', 'Show me the files in {d}.', 'ls {d}', 'Which files does {d} have?', 'Tell me what the folder {d} contains.', 'What do I have in {d}?', 'Show the directory {d}', 'List the folder {d}, please.', 'Which documents are in {d}?', 'Look into the folder {d}.', 'Is there anything in {d}?', 'Are there files in {d}?', 'dir {d}', 'Give me a list of the files of {d}.', 'What can I find in {d}?']
HERE = ['What files are here?', 'Which files do I have?', 'List the files.', 'Show me my files.', 'What is in this folder?', 'list all files', 'Which files are in the current directory?', 'ls', 'What can you see here?', 'What is in the current folder?', 'Show the files of this directory.']
MKDIR = ['Create the folder {d}.', 'Make a folder named {d}.', 'Create a directory {d}.', 'I need a new folder {d}.', 'mkdir {d}', 'Please make the directory {d}.', 'Add a folder with the name {d}.', 'Set up a folder {d} for me.']
INFO = ['How large is {f}?', 'When was {f} changed?', 'What size has {f}?', 'Tell me the size of {f}.', 'How old is the file {f}?', 'Give me the details of {f}.', 'How many bytes has {f}?', 'stat {f}', 'When was the file {f} made?', 'Is {f} a big file?']
MOVE = ['Rename {f} to {g}.', 'Move {f} to {g}.', 'Rename the file {f} to {g}', 'Call {f} {g} from now on.', 'mv {f} {g}', 'Please move the file {f} to {g}.', 'Give {f} the new name {g}.', 'Change the name of {f} to {g}.']
WRITE = ['Write "{t}" into {f}.', 'Save the text "{t}" as {f}.', 'Write {t} to the file {f}.', 'Create the file {f} with the text {t}', 'Put "{t}" into {f}.', 'Make a file {f} that says {t}', 'Write a file {f} with {t} in it.', 'Please save {t} in {f}', 'Store the sentence {t} in {f}.', 'Note {t} in the file {f}.', 'Write the text {t} into {f}.', 'Write the sentence {t} into {f}.', 'Put the words {t} into the file {f}.', 'Put {t} into {f}', 'Write {t} into {f}.', 'Save "{t}" in {f}', 'Save {t} to {f}.', 'Create {f} with the text {t}.', 'Create {f} with the words {t}', 'Create {f}. It shall say: {t}', 'Make {f} with {t} in it', 'In {f} write {t}', 'Into {f}, please: {t}', 'File {f}: {t}']
SEARCH = ['Find all {e} files in {d}.', 'Search {d} for {e} files.', 'Which {e} files are somewhere in {d}?', 'Find every file that ends with .{e} in {d}.', 'Look for {e} files below {d}.']
TREE = ['Show the tree of {d}.', 'Give me a tree view of {d}.', 'Show {d} with all its folders as a tree.', 'tree {d}', 'What is the whole structure of {d}?']
ALLOWED = ['Which directories may you read?', 'What folders can you access?', 'Which folders are allowed?', 'Where may you look?', 'What are the allowed directories?', 'Which directories do you have access to?', 'To which folders do you have access?', 'Where are you allowed to read?']
FILE_ASKS = [lambda: pick(READ).format(f=file()), lambda: pick(READ).format(f=file()), lambda: pick(LIST).format(d=folder()), lambda: pick(MKDIR).format(d=folder()), lambda: pick(INFO).format(f=file()), lambda: pick(MOVE).format(f=file(), g=file()), lambda: pick(HERE)]


def text_to_write():
    r = rng.random()
    if r < 0.3:
        return pick(MESSAGES)
    if r < 0.5:
        return pick(sentences).rstrip('.').lower()
    if r < 0.6:
        return pick('hello world,hello,good evening,hello there,hi all,welcome,how are you,all is well,to be done,no news,my list,it works,hello again,good day,first line,see you soon'.split(','))
    one = lambda: pick(things) if chance(0.5) else pick(w.easy_known) if chance(0.7) else w.made_up() if chance(0.7) else str(number())
    return ' '.join(one() for _ in range(rng.randrange(1, 6)))


def written():
    """A text for a file, and the call that writes it: the name and the text are copied to the letter."""
    f, t = file(), text_to_write()
    tools = file_tools('write_file')
    calls = call_of(tools, 'write_file', {'path': f, 'content': t})
    if not calls:
        return written()
    return tools, pick(WRITE).format(f=f, t=t), calls


def clean(s):
    return s if s.endswith(('.', '!', '?')) else s + '.'


SHOPS = ['bank', 'library', 'market', 'bakery', 'pool', 'museum', 'post office', 'zoo', 'gym', 'office', 'kitchen', 'bar']


def fact():
    """A sentence for a file, a question about it, and the answer, which is the sentence or a part of it."""
    p, day, t, n, c = person(), pick(w.DAYS), clock(), number(), city()
    thing, job, room, color = pick(things), pick(JOBS), pick(ROOMS), pick(COLORS)
    return pick([
        lambda: (f'The meeting is on {day} at {t}.', ['When is the meeting?', 'At what time do we meet?', 'Which day is the meeting?'], None),
        lambda: (f'The {thing} costs {n} dollars.', [f'How much is the {thing}?', f'What does the {thing} cost?', f'What is the price of the {thing}?'], None),
        lambda: (f'{p} lives in {c}.', [f'Where does {p} live?', f'In which city does {p} live?', f'Where is the home of {p}?'], None),
        lambda: (f'{p} is a {job}.', [f'What is the job of {p}?', f'What does {p} do?', f'Who is {p}?'], None),
        lambda: (f'The key is in the {room}.', ['Where is the key?', 'Where can I find the key?'], None),
        lambda: (f'The password is {w.made_up()}{n}.', ['What is the password?', 'Which password do I need?', 'Tell me the password.'], None),
        lambda: (f'{p} was born in {rng.randrange(1900, 2020)}.', [f'When was {p} born?', f'In which year was {p} born?', f'How old is {p}?'], None),
        lambda: (f'The {thing} is {color}.', [f'What color is the {thing}?', f'Which color has the {thing}?'], None),
        lambda: (f'The train to {c} leaves at {t}.', [f'When does the train to {c} leave?', f'At what time does the train go to {c}?'], None),
        lambda: (f'{p} has {n} {w.plural(thing)}.', [f'How many {w.plural(thing)} does {p} have?', f'What does {p} have?'], None),
        lambda: (f'The phone number of {p} is {rng.randrange(10000, 999999)}.', [f'What is the phone number of {p}?', f'How do I call {p}?', f'What is the number of {p}?'], None),
        lambda: (f'On {day} we have {pick(EVENTS)}.', [f'What do we have on {day}?', f'What happens on {day}?', f'What is planned for {day}?'], None),
        lambda: (f'{p} wrote the {thing}.', [f'Who wrote the {thing}?', f'Who is the author of the {thing}?'], None),
        lambda: (f'The name of the {thing} is {cap(w.made_up())}.', [f'What is the name of the {thing}?', f'How is the {thing} called?'], None),
        lambda: (f'The {thing} belongs to {p}.', [f'Whose is the {thing}?', f'To whom does the {thing} belong?', f'Who owns the {thing}?'], None),
        lambda: (f'The {pick(EVENTS).split()[-1]} begins at {rng.randrange(1, 13)}.', ['When does it begin?', 'At what hour does it begin?', 'When must I be there?'], None),
        lambda: (f'The {pick(SHOPS)} closes at {rng.randrange(1, 13)}.', ['When does it close?', 'Until when can I buy something?', 'When do they close?'], None),
        lambda: (f'{p} comes at {rng.randrange(1, 13)} on {day}.', [f'When does {p} come?', f'At what time does {p} come?', f'When will {p} be here?'], None),
        lambda: (f'We have dinner at {rng.randrange(5, 12)}.', ['When is dinner?', 'When do we eat?', 'At what time is dinner?'], None),
        lambda: (f'The {thing} weighs {n} pounds.', [f'How heavy is the {thing}?', f'What does the {thing} weigh?'], None),
        lambda: (f'The {room} is {n} meters long.', [f'How long is the {room}?', f'What is the length of the {room}?'], None),
    ])()


def letter():
    a, b = person(), person()
    text = f'Dear {a},\n{cap(clean(pick(MESSAGES)))} {pick(sentences) if chance(0.6) else ""}\n{pick(["Yours", "Love", "Best wishes", "Your friend", "Kind regards"])},\n{b}'
    q, answer = pick([(['Who wrote it?', 'Who wrote the letter?', 'Who is the letter from?', 'Who sent it?', 'From whom is it?'], f'{b} wrote it.'), (['Who is it for?', 'Who is the letter for?', 'To whom is it written?'], f'It is for {a}.')])
    return text, q, answer


def pairs():
    keys = rng.sample('name city age phone color job version size title author date price room country email language type level owner port'.split(), rng.randrange(2, 6))
    values = {k: {'name': person, 'city': city, 'age': number, 'phone': lambda: rng.randrange(1000, 99999), 'color': lambda: pick(COLORS), 'job': lambda: pick(JOBS), 'author': person, 'owner': person, 'price': number, 'room': lambda: pick(ROOMS), 'date': lambda: f'{pick(w.MONTHS)} {rng.randrange(1, 29)}', 'version': lambda: f'{rng.randrange(9)}.{rng.randrange(20)}.{rng.randrange(9)}', 'port': lambda: rng.randrange(1000, 9000)}.get(k, stem)() for k in keys}
    k = pick(keys)
    sign = pick([': ', ' = ', '=', ':'])
    text = json.dumps(values) if chance(0.25) else '\n'.join(f'{a}{sign}{b}' for a, b in values.items())
    return text, [f'What is the {k}?', f'Which {k} does it have?', f'Tell me the {k}.', f'What {k} is in it?', f'I need the {k}.'], f'The {k} is {values[k]}.'


def text_of_file():
    """What a file says, questions about it, and their answer; no questions for one that is only read."""
    r = rng.random()
    if r < 0.34:
        facts = [fact() for _ in range(rng.choices([1, 2, 3, 4], [4, 3, 2, 1])[0])]
        i = rng.randrange(len(facts))
        lines = [f[0] for f in facts] + ([clean(pick(sentences))] if chance(0.4) else [])
        return ('\n' if chance(0.4) else ' ').join(lines), facts[i][1], facts[i][0]
    if r < 0.46:
        return letter()
    if r < 0.62:
        return pairs()
    if r < 0.75:
        items = [pick(things) if chance(0.8) else f'{number()} {w.plural(pick(things))}' for _ in range(rng.randrange(2, 7))]
        return pick(['\n', ', ', '\n- ']).join(items).strip(), ['What do I need?', 'What is on the list?', 'What must I buy?', 'Which things are on it?'], f'It has {joined(items)}.'
    if r < 0.83:
        tasks = [pick(TASKS) for _ in range(rng.randrange(1, 5))]
        mark = pick(['- ', '[ ] ', '* '])
        return '\n'.join(mark + t for t in tasks), ['What do I have to do?', 'What are my tasks?', 'What is there to do?', 'What must I do?'], f'You have to {", ".join(tasks)}.'
    n = rng.choices([1, 2, 3], [5, 3, 1])[0]
    return ' '.join(clean(pick(sentences)) for _ in range(n)), [], ''


ABOUT_FILE = ['{q} It is in {f}.', '{q} Look into {f}.', 'Look into {f}: {q}', '{q} The file {f} says it.', 'According to {f}, {l}', 'Read {f} and tell me: {q}', 'I wrote it into {f}: {q}', '{q} (see {f})', 'In {f}, {l}', 'Open {f}. {q}', '{q} See the file {f}.', 'The answer is in {f}. {q}', 'Use {f} to answer: {q}', '{s} in {f}?', '{q} I think it is in {f}.', 'Please check {f}. {q}']


def about_file(q, f):
    l = q[0].lower() + q[1:]
    return pick(ABOUT_FILE).format(q=q, f=f, l=l, s=q.rstrip('?.'))


def listing():
    names = []
    for _ in range(rng.choices([0, 1, 2, 3, 4, 6], [1, 2, 4, 4, 3, 1])[0]):
        names.append(('DIR', stem().lower()) if chance(0.25) else ('FILE', f'{stem()}.{pick(["txt", "md", "png", "jpg", "json", "js", "py", "pdf", "csv"])}'))
    files, dirs = [n for k, n in names if k == 'FILE'], [n for k, n in names if k == 'DIR']
    parts = ([f'the file{"s" * (len(files) > 1)} {joined(files)}'] if files else []) + ([f'the folder{"s" * (len(dirs) > 1)} {joined(dirs)}'] if dirs else [])
    return '\n'.join(f'[{k}] {n}' for k, n in names), cap('there ' + ('are ' if len(names) > 1 else 'is ') + ' and '.join(parts) + '.') if names else 'The folder is empty.'


def done(name, a):
    return dict(create_directory=(f'Successfully created directory {a["path"]}', f'I have made the folder {a["path"]}.'), write_file=(f'Successfully wrote to {a["path"]}', f'I have written {a["path"]}.')).get(name)


def file_asked(given=None):
    """Tools (those given, or new ones), a question, its calls, their result, and the answer."""
    while True:
        r, f, d = rng.random(), file(), folder()
        name, args = 'read_text_file', {'path': f}
        if r < 0.34:
            text, questions, answer = text_of_file()
            if questions and chance(0.66):
                q = about_file(pick(questions), f)
            else:
                q, answer = pick(READ).format(f=f), pick([f'The file says: {text}', f'{f} says: {text}', text, f'It says: {text}'])
            result = text
        elif r < 0.40:
            q, result = pick(READ).format(f=f), pick([f"Error: ENOENT: no such file or directory, open '{f}'", f'Error: file not found: {f}', f'ENOENT: no such file or directory, open \'/home/{f}\'', f'Access denied - path outside allowed directories: {f} not in /home', f'Error: EACCES: permission denied, open \'{f}\'', f"Error: EISDIR: illegal operation on a directory, read '{f}'"])
            answer = f'I could not read {f}: {"there is no such file" if "ENOENT" in result or "not found" in result else "it is a folder" if "EISDIR" in result else "access is denied"}.'
        elif r < 0.58:
            name = 'list_directory'
            q, args = (pick(HERE), {'path': '.'}) if chance(0.22) else (pick(LIST).format(d=d), {'path': d})
            result, answer = listing()
        elif r < 0.65:
            name, args, q = 'create_directory', {'path': d}, pick(MKDIR).format(d=d)
            result, answer = done(name, args)
        elif r < 0.72:
            n = rng.randrange(10, 99999)
            name, q = 'get_file_info', pick(INFO).format(f=f)
            result, answer = f'size: {n}\ncreated: Mon Mar 0{rng.randrange(1, 9)} 2026\nmodified: {pick(w.DAYS)[:3]} {pick(w.MONTHS)[:3]} 1{rng.randrange(9)} 2026\nisDirectory: false\nisFile: true\npermissions: 644', f'{f} has {n} bytes.'
            if 'When' in q or 'old' in q:
                answer = f'It was changed on {result.split("modified: ")[1].split(chr(10))[0]}.' if 'changed' in q or 'old' in q else f'It was made on {result.split("created: ")[1].split(chr(10))[0]}.'
        elif r < 0.80:
            g = file()
            name, args, q = 'move_file', {'source': f, 'destination': g}, pick(MOVE).format(f=f, g=g)
            result, answer = f'Successfully moved {f} to {g}', pick([f'I have renamed {f} to {g}.', f'I have moved {f} to {g}.'])
        elif r < 0.88:
            t = text_to_write()
            name, args, q = 'write_file', {'path': f, 'content': t}, pick(WRITE).format(f=f, t=t)
            result, answer = done(name, args)
        elif r < 0.91:
            e = pick(['txt', 'md', 'png', 'js', 'py', 'json', 'csv', 'html'])
            name, args, q = 'search_files', {'path': d, 'pattern': f'**/*.{e}'}, pick(SEARCH).format(e=e, d=d)
            hits = [f'{d}/{stem()}.{e}' for _ in range(rng.randrange(0, 4))]
            result, answer = '\n'.join(hits) or 'No matches found', f'I found {", ".join(hits)}.' if hits else 'I found no such file.'
        elif r < 0.93:
            name, args, q = 'directory_tree', {'path': d}, pick(TREE).format(d=d)
            a, b = f'{stem()}.txt', stem().lower()
            result, answer = json.dumps([{'name': a, 'type': 'file'}, {'name': b, 'type': 'directory', 'children': []}], indent=2), f'There is the file {a} and the folder {b}.'
        elif r < 0.945:
            name, args, q = 'list_allowed_directories', {}, pick(ALLOWED)
            ds = [folder() for _ in range(rng.randrange(1, 3))]
            result, answer = 'Allowed directories:\n' + '\n'.join(ds), f'I may read {" and ".join(ds)}.'
        else:
            g, x, y = file(), text_of_file()[0], text_of_file()[0]
            tools = given or file_tools('read_text_file')
            q = pick(['Read {f} and {g}.', 'What do {f} and {g} say?', 'Show me {f} and {g}.', 'Open {f} and {g}.', 'What is in {f} and in {g}?', 'Compare {f} and {g}.', 'Read {f}, then {g}.', 'Show me both {f} and {g}.', 'I want to see {f} and {g}.', 'cat {f} {g}']).format(f=f, g=g)
            one, other = call_of(tools, name, {'path': f}), call_of(tools, name, {'path': g})
            if one and other:
                return tools, q, one + other, [x, y], f'{f} says: {x}\n{g} says: {y}'
            continue
        tools = given or file_tools(name)
        calls = call_of(tools, name, args)
        if calls:
            return tools, q, calls, result, answer
