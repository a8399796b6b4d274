/*
 * Chat templates in the forms of families whose published ones are in no package: written for the tests, with the
 * conditions of the published ones that decide how tools and thoughts must be given.
 */

const USER_TURNS = `{%- for m in messages %}{%- if m.role == 'user' %}`

/** Gemma 4: thoughts by a switch, results within the message of their calls. */
export const GEMMA_4 = `{%- macro quoted(value) -%}
{%- if value is string -%}<|"|>{{ value }}<|"|>{%- else -%}{{ value | tojson }}{%- endif -%}
{%- endmacro -%}
{%- set ns = namespace(last='') -%}
{{- bos_token -}}
{%- if enable_thinking or tools or messages[0].role == 'system' -%}
<|turn>system
{% if enable_thinking %}<|think|>{% endif -%}
{%- if messages[0].role == 'system' %}{{ messages[0].content }}{% endif -%}
{%- for tool in tools or [] %}<|tool>declaration:{{ tool['function']['name'] }}{description:{{ quoted(tool['function']['description']) }}}<tool|>{% endfor -%}
<turn|>
{% endif -%}
{%- for message in messages if message.role != 'system' -%}
{%- set ns.last = '' -%}
<|turn>{{ 'model' if message.role == 'assistant' else message.role }}
{% for call in message['tool_calls'] or [] -%}
<|tool_call>call:{{ call['function']['name'] }}{
{%- for key, value in call['function']['arguments'] | dictsort %}{{ ',' if not loop.first }}{{ key }}:{{ quoted(value) }}{% endfor -%}
}<tool_call|>
{%- endfor -%}
{%- for result in message['tool_responses'] or [] -%}
<|tool_response>response:{{ result['name'] }}{value:{{ quoted(result['response']) }}}<tool_response|>
{%- set ns.last = 'response' -%}
{%- endfor -%}
{{- message.content | trim -}}
{%- if not (message['tool_responses'] and not message.content) %}<turn|>
{% endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
{%- if ns.last != 'response' %}<|turn>model
{% endif -%}
{%- if not enable_thinking %}<|channel>thought
<channel|>{% endif -%}
{%- endif -%}`

/** LFM2.5: always thinks, thoughts in a field of their own, calls as Python. */
export const LFM_2_5 = `{{- bos_token -}}
{%- macro call(tool_call) -%}
{%- set ns = namespace(args=[]) -%}
{%- for name, value in tool_call["function"]["arguments"].items() -%}
{%- set ns.args = ns.args + [name + "=" + ("'" + value + "'" if value is string else value | string)] -%}
{%- endfor -%}
{{- tool_call["function"]["name"] + "(" + ns.args | join(", ") + ")" -}}
{%- endmacro -%}
{%- if tools -%}
{{- "<|im_start|>system\\nList of tools: <|tool_list_start|>" + (tools | tojson) + "<|tool_list_end|><|im_end|>\\n" -}}
{%- endif -%}
{%- for message in messages -%}
{{- "<|im_start|>" + message.role + "\\n" -}}
{%- if message.thinking is defined %}{{ "<think>" + message.thinking + "</think>" }}{% endif -%}
{{- message.content -}}
{%- if message.tool_calls is defined -%}
{{- "<|tool_call_start|>[" -}}
{%- for one in message.tool_calls %}{{ ", " if not loop.first }}{{ call(one) }}{% endfor -%}
{{- "]<|tool_call_end|>" -}}
{%- endif -%}
{{- "<|im_end|>\\n" -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- "<|im_start|>assistant\\n" -}}{%- endif -%}`

/** GLM-4.6: thoughts by a switch, arguments in XML. */
export const GLM_4_6 = `[gMASK]<sop>
{%- if tools %}<|system|>
# Tools{% for tool in tools %}
{{ tool | tojson(ensure_ascii=False) }}{% endfor %}
Write calls as <tool_call>{name}<arg_key>{key}</arg_key><arg_value>{value}</arg_value></tool_call>
{%- endif -%}
${USER_TURNS}<|user|>
{{ m.content }}{{ '/nothink' if enable_thinking is defined and not enable_thinking }}
{%- elif m.role == 'assistant' %}<|assistant|>
<think>{{ m.reasoning_content if m.reasoning_content is string }}</think>
{%- if m.content %}
{{ m.content }}{% endif %}
{%- for tc in m.tool_calls or [] %}{% set tc = tc.function %}
<tool_call>{{ tc.name }}
{%- for k, v in tc.arguments.items() %}
<arg_key>{{ k }}</arg_key>
<arg_value>{{ v if v is string else v | tojson }}</arg_value>
{%- endfor %}
</tool_call>{% endfor %}
{%- elif m.role == 'tool' %}<|observation|>
<tool_response>
{{ m.content }}
</tool_response>
{%- endif %}{% endfor %}
{%- if add_generation_prompt %}<|assistant|>{{ '\\n<think></think>' if enable_thinking is defined and not enable_thinking }}{% endif -%}`

/** Mistral's templates with tools: ids of 9 letters and digits, no other roles. */
export const MISTRAL = `{{- bos_token }}
{%- for message in messages %}
    {%- if message.role == 'user' %}
        {%- if tools %}{{ '[AVAILABLE_TOOLS] ' + (tools | tojson) + '[/AVAILABLE_TOOLS]' }}{% endif %}
        {{- '[INST] ' + message.content + '[/INST]' }}
    {%- elif message.tool_calls is defined %}
        {{- '[TOOL_CALLS] [' }}
        {%- for call in message.tool_calls %}
            {%- if call.id is not defined or call.id | length != 9 %}{{ raise_exception('ids must have 9 characters') }}{% endif %}
            {{- ', ' if not loop.first }}{{- (call.function | tojson)[:-1] + ', "id": "' + call.id + '"}' }}
        {%- endfor %}
        {{- ']' + eos_token }}
    {%- elif message.role == 'assistant' %}
        {{- ' ' + message.content + eos_token }}
    {%- elif message.role == 'tool' %}
        {%- if message.tool_call_id | length != 9 %}{{ raise_exception('ids must have 9 characters') }}{% endif %}
        {{- '[TOOL_RESULTS] {"content": ' + message.content | tojson + ', "call_id": "' + message.tool_call_id + '"}[/TOOL_RESULTS]' }}
    {%- else %}{{ raise_exception('no other roles') }}{% endif %}
{%- endfor %}`

/** Qwen3.5: thoughts by a switch, of the last turn alone; calls as XML; a question must be among the messages. */
export const QWEN_3_5 = `{%- macro system(message) %}
{%- if tools %}# Tools

<tools>
{%- for tool in tools %}
{{ tool | tojson }}{% endfor %}
</tools>

Calls have the form:

<tool_call>
<function=name>
<parameter=key>
value
</parameter>
</function>
</tool_call>{% if message %}

{% endif %}{% endif %}{{ message }}{%- endmacro %}
{%- set ns = namespace(question=-1) %}
{%- for m in messages %}
{%- if m.role == 'user' %}{% set ns.question = loop.index0 %}{% endif %}
{%- if m.role == 'system' and not loop.first %}{{ raise_exception('System message must be at the beginning.') }}{% endif %}
{%- endfor %}
{%- if ns.question < 0 %}{{ raise_exception('No user query found in messages.') }}{% endif %}
{%- set first = messages[0].content | trim if messages[0].role == 'system' else '' %}
{%- if tools or first %}{{- '<|im_start|>system\\n' + system(first) + '<|im_end|>\\n' }}{% endif %}
{%- for m in messages if m.role != 'system' %}
{%- if m.role == 'tool' %}
{%- if loop.previtem.role != 'tool' %}{{- '<|im_start|>user' }}{% endif %}
{{- '\\n<tool_response>\\n' + m.content + '\\n</tool_response>' }}
{%- if loop.last or loop.nextitem.role != 'tool' %}{{- '<|im_end|>\\n' }}{% endif %}
{%- else %}
{{- '<|im_start|>' + m.role + '\\n' }}
{%- if m.role == 'assistant' and loop.index0 + (messages[0].role == 'system') | int > ns.question %}
{{- '<think>\\n' + (m.reasoning_content or '') | trim + '\\n</think>\\n\\n' }}
{%- endif %}
{{- m.content | trim }}
{%- for call in m.tool_calls or [] %}
{{- ('\\n' if not loop.first or m.content | trim else '') + '<tool_call>\\n<function=' + call.function.name + '>\\n' }}
{%- for key, value in call.function.arguments | items %}
{{- '<parameter=' + key + '>\\n' + (value if value is string else value | tojson) + '\\n</parameter>\\n' }}
{%- endfor %}
{{- '</function>\\n</tool_call>' }}
{%- endfor %}
{{- '<|im_end|>\\n' }}
{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
{{- '<|im_start|>assistant\\n' + ('<think>\\n\\n</think>\\n\\n' if enable_thinking is false else '<think>\\n') }}
{%- endif %}`
