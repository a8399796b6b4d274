import type { CommandLines } from '../commands.js'

/** Commands about models and experts. */
export const MODEL_LINES: CommandLines = {
  'list-built-in': ['molm list', 'molm ls --json'],
  'show-nano': ['molm show', 'molm show nano --json', 'molm show nano --quant q8'],
  'show-parrot': ['molm show models/parrot', 'molm show models/parrot --json'],
  'show-base': 'molm show models/base',
  'show-classifier': 'molm show models/classifier',
  'show-granite': 'molm show models/granite --quant f32',
  'show-qwen': 'molm show models/qwen',
  'show-lfm2': 'molm show models/lfm2',
  'show-gpt-oss': 'molm show models/gptoss',
  'show-smallthinker': 'molm show models/smallthinker --json',
  'show-gguf': ['molm show models/qwen.gguf', 'molm show models/qwen.gguf --json'],
  'show-nothing': ['molm show models/nowhere', 'molm show in', 'molm show nanno', 'molm show in/notes.txt'],

  'experts-words': 'molm experts "The lantern is lit."',
  'experts-tokens': 'molm experts --tokens --layers 0-1 "The lantern is lit."',
  'experts-two-files': 'molm experts --file in/novel.txt --file in/code.txt',
  'experts-csv': 'molm experts --csv --file in/notes.txt',
  'experts-json': 'molm experts --json --tokens "The lantern"',
  'experts-colour': 'molm experts --colour expert:3:mlp "The lantern is lit."',
  'experts-surprise': 'molm experts --colour surprise "The lantern is lit."',
  'experts-ablate': [
    'molm experts -m models/base --ablate --file in/notes.txt',
    'molm experts -m models/base --ablate --csv --file in/notes.txt',
  ],
  'experts-atlas': [
    'molm experts --atlas in/novel.txt in/code.txt -o atlas.json',
    'molm experts --names atlas.json --layers 0 "The lantern"',
  ],
  'experts-against': 'molm experts -m models/base --against models/base:q8 --file in/notes.txt',
  'experts-picture': [
    'molm experts --file in/notes.txt --title Notes -o experts.svg',
    'molm experts --file in/notes.txt --width 600 -o experts.png',
    'molm experts --file in/notes.txt --only attention -o experts.html',
  ],
  'experts-mask': 'molm experts --mask 0:mlp:0-9 --layers 0 --only mlp --parts table --file in/notes.txt',
  'experts-refused': ['molm experts', 'molm experts --layers 9 "Hi"', 'molm experts --ablate --budget soon "Hi"'],

  'eval-text': 'molm eval --text in/novel.txt in/code.txt --window 128 --stride 64',
  'eval-json': 'molm eval --text in/novel.txt --task in/task.jsonl --json',
  'eval-details': 'molm eval --task in/task.jsonl --details',
  'eval-against': 'molm eval -m models/base --text in/notes.txt --against models/base:q8 --json',
  'eval-shards': [
    'for i in 1 2; do molm eval --text in/novel.txt --window 64 --shard $i/2 > $i.json; done',
    'molm eval --join 2.json 1.json --json',
    'molm eval --join 2.json',
  ],
  'eval-refused': ['molm eval', 'molm eval --text in/novel.txt --window 8 --stride 9', 'molm eval --text nowhere.txt'],

  'classify-words': 'molm classify -m models/classifier A fine day',
  'classify-lines': 'molm classify -m models/classifier < in/notes.txt',
  'classify-json': 'molm classify -m models/classifier --json < in/notes.txt',
  'classify-refused': ['molm classify "A fine day"', 'molm run -m models/classifier "Hi"'],

  'convert-checkpoint': [
    'molm convert models/base packed',
    'molm convert models/base packed --quant q8 --json',
    'molm show packed:q8',
    'molm show packed:q4 --verify',
    'molm convert models/classifier packed',
    'molm run -m packed:q4 --json --temperature 0 -n 4 "Hello"',
  ],
  'convert-gguf': [
    'molm convert models/qwen.gguf packed',
    'molm show packed',
    'molm run -m models/qwen.gguf --temperature 0 -n 8 "Hi"',
    'molm list',
    'molm rm models/qwen.gguf --yes',
    'molm list',
  ],
  'convert-bits': 'molm convert models/base small --bits 4 --calibrate in/novel.txt -t 1',
  'convert-refused': ['molm convert models/base', 'molm convert nowhere out', 'molm convert in out'],
  'prune-half': [
    'molm prune models/base small --calibrate in/novel.txt --keep 0.5 --only mlp -t 1',
    'molm show small',
    'molm prune models/base small --calibrate in/novel.txt --keep 0.5',
  ],
  'prune-search': [
    'molm prune models/base small --calibrate in/novel.txt --keep 0.75 --by acceptance --budget 5m -t 1',
    'cat small/selection.json',
  ],
  'prune-dry': 'molm prune models/base --calibrate in/notes.txt --dry-run --json -t 1',
  'prune-refused': [
    'molm prune models/base small',
    'molm prune models/base s --calibrate in/notes.txt --keep 2',
    'molm prune models/base --budget all',
  ],
  'graft-two': [
    'molm graft models/base larger --from models/base --layers 1-2 --experts 0,1 --gate-bias -0.5 --json',
    'molm show larger',
    'molm run -m larger --raw --temperature 0 -n 4 "Hello"',
    'molm graft models/base other --from nano',
  ],
  'teach-refused': [
    'molm teach models/base taught',
    'molm teach models/base taught --text in/notes.txt --layers 9',
    'molm teach models/base --text in/novel.txt --dry-run -q',
  ],
  'teach-two-steps':
    'molm teach models/base taught --text in/novel.txt --keep-text in/code.txt --layers last:1 --batch 64 --steps 2 -t 1',

  // Speeds, and whether models fit, differ between two runs.
  'pull-list': [
    'molm pull | cut -f 1-3,6-',
    'molm pull grantie',
    'molm run -m granite "Hi"',
    'molm run -m granite:7b "Hi"',
  ],
  'pull-offline': ['molm pull owner/name', 'molm pull owner', 'molm run -m owner/name "Hi"', 'molm pull owner/name:q5'],
  'rm-unknown': ['molm rm owner/name --yes', 'molm rm nano --yes', 'molm rm nowhere', 'molm rm'],
  'bench-refused': ['molm bench -p 0 -n 0', 'molm bench -t 2,99', 'molm bench --shape 9b', 'molm bench -b 0'],
  'serve-refused': ['molm serve nano', 'molm serve --host 0.0.0.0', 'molm serve --port 99999', 'molm serve -m nowhere'],
  'completion-words': ["molm complete -- ''", "molm complete -- chat --quant ''", 'molm complete -- help config'],
  'completion-scripts': ['molm completion bash', 'molm completion zsh', 'molm completion fish', 'molm completion csh'],

  'version-and-help': ['molm --version', 'molm', 'molm --help', 'molm help', 'molm help nothing'],
  'wrong-words': [
    'molm models',
    'molm info nano',
    'molm remove acme/model:q8',
    'molm search granite',
    'molm quantize nano q8',
    'molm serv',
    'molm models/qwen.gguf "Hello there"',
    'molm remove lanterns',
    'molm remove the lanterns -n 1 --temperature 0',
  ],
  'wrong-options': [
    'molm --frobnicate Hi',
    'molm run --max-token 3 Hi',
    'molm run --promt Hi',
    'molm run -ngl 99 Hi',
    'molm run --session=9 Hi',
    'molm run --json-schema {} Hi',
    'molm run --format json Hi',
    'molm show --jsn',
    'molm show nano extra',
    'molm list nano',
    'molm run -n',
  ],
  'wrong-values': [
    'molm run',
    'molm ""',
    'molm -t 0 Hi',
    'molm --top-p 2 Hi',
    'molm --temp -1 Hi',
    'molm -n 1.5 Hi',
    'molm --stop "" Hi',
    'molm --memory "12 parsecs" Hi',
    'molm --memory 1MB Hi',
    'molm --quant q3 Hi',
    'molm --json --jsonl Hi',
    'molm --experts Hi',
    'molm --mask 9:mlp:1 Hi',
    'molm --mask 3:mlp Hi',
    'molm --experts-per-token 99 Hi',
    'molm -m nano:q8 --quant q4 Hi',
    'molm -m models/base --trace t.txt Hi',
    'molm --template-arg x Hi',
    'molm --messages in/notes.txt Hi',
    'molm -f nowhere.txt Hi',
    'molm -s @nowhere.txt Hi',
    'molm -m models/qwen Hi',
    'MOLM_MODEL=nowhere molm Hi',
  ],
}

const NAMES =
  'run chat serve experts trace show pull update list rm convert eval bench classify prune graft teach config completion'.split(
    ' ',
  )

/** A help page of each command. */
export const HELP_LINES: CommandLines = Object.fromEntries(
  NAMES.map((name) => [`help-${name}`, [`molm ${name} --help`, `molm ${name} --help all`]]),
)
