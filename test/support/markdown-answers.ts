/** Answers with the Markdown that models write. */
export const MARKDOWN_ANSWERS: Readonly<Record<string, string>> = {
  'headings and lists': `# Sorting in Python

Python has **two** ways to sort: the \`sorted()\` function and the *method* \`list.sort()\`.

## Differences

- \`sorted()\` returns a **new** list
- \`list.sort()\` changes the list *in place*
  - it returns \`None\`
  - it is ***slightly*** faster

### In short ###

Use \`sorted()\` unless memory matters.`,

  'steps with code': `To install it, follow these steps:

1. **Clone the repository**

   \`\`\`bash
   git clone https://example.org/app.git
   cd app
   \`\`\`

2. **Install the packages**
   \`\`\`bash
   npm ci
   \`\`\`
3. Start it:

       npm start

   It listens on port 8080.

10. Done. See [the manual](https://example.org/manual "Manual") or <https://example.org>.`,

  'a table': `Here is a comparison:

| Language | Typing | Year |
|:---------|:------:|-----:|
| Python | *dynamic* | 1991 |
| Rust | \`static\` | 2015 |
| C \\| C++ | static |

The years are those of the **first** release.`,

  'quotes and rules': `> Simplicity is
> prerequisite for
reliability.
>
> > nested, *too*
>
> - a list
> - in a quote

---

He said it in 1975.

***

Title below
===========

Smaller title
-------------

end`,

  'tasks and loose lists': `Shopping:

- [x] bread
- [ ] milk

* one

  more of one

* two


* three
+ another list
+ of two

1) first
2) second

text`,

  'emphasis at odds': `snake_case_name and __init__ stay, 2 * 3 * 4 = 24, *a*b, **bold**text, _so_ and __so__.
***both* strong** and ***both** em*, **a *b* c**, *a **b** c*, **"q"** *(p)*.
~~gone~~ and ~~**bold gone**~~, \\*kept\\*, \`a*b*c\`, \`\` \`x\` \`\`, \`open, 5*6*7, f(*args, **kwargs)

a * not emphasis * and ** not strong ** text`,

  'code of all kinds': `~~~
plain ~~~ tildes
\`\`\`
~~~

\`\`\`\`markdown
\`\`\`js
let x = 1
\`\`\`
\`\`\`\`

    indented *code*

    more

Text
\`\`\`
after text
\`\`\`
- item
\`\`\`
ends the list
\`\`\``,

  'links and images': `See [docs](https://example.org/a_(b)_c), [**bold** link](<https://example.org/x y>), ![a *picture*](pic.png),
[not a link] (x), [x][y], [^1], [a [nested] one](u), [![badge](b.svg)](https://example.org), [empty]().
https://example.org/a_b_c and mail <me@example.org>.

[^1]: A footnote.`,

  html: `<div align="center">
  <b>not *em*</b>
</div>

Press <kbd>Ctrl</kbd>, then *go*. A<br>B. 1 < 2 > 0, a <b and c>.

<!-- a *comment* -->

<details>
<summary>More</summary>

Hidden **text**

</details>`,

  'hard breaks': `Roses are red,  
Violets are *blue*,\\
Sugar is sweet,
**and so
are you**.`,

  'lists in lists': `1. Fruit
   - apple
     1. green
     2. red

        A paragraph.
   - pear
2. Vegetables
   * leek
     \`\`\`
     code
     \`\`\`

     after
   * kale

Text after.

- a
- b
    - c
        - d
- e
text that continues e

  and a paragraph of e`,

  'Chinese and Japanese': `## 概要

**重要**な点は*二つ*あります:

1. **速度**:とても速い。
2. \`メモリ\` を節約する。

> 引用です。

| 名前 | 値 |
|---|---|
| 東京 | 1 |`,

  'no blank lines': `**Answer:**
- one
- two
## Next
text
> quote

| a | b |
|---|---|
| 1 | 2 |
1. x
2. y
***
end`,

  'text only': `A first paragraph, without any markup.

A second one. It has 3 + 4 = 7, a_b, #hashtag, 5. and 1.5 in it.
1986. A great year. -5 degrees, +3.`,
}
