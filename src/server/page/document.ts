/**
 * The page's HTML. `modules` are the addresses of all its scripts, so that a browser asks for them at once and not one
 * after another as it finds them. All addresses are relative: the page may lie in a folder of a larger site.
 */
export function pageDocument(modules: readonly string[]): string {
  const preloads = modules.map((address) => `<link rel="modulepreload" href="${address}">`).join('\n')
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>molm</title>
<link rel="icon" href="page/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="page/style.css">
${preloads}
<script type="module" src="page/modules/page/main.js"></script>
<script src="page/explore.js" defer></script>
</head>
${BODY}
</html>
`
}

const BODY = `<body>
<header>
  <h1>molm</h1>
  <p id="about"></p>
  <nav aria-label="views"><a id="to-chat" href="#chat">Chat</a><a id="to-compare" href="#compare">Compare</a></nav>
</header>
<noscript><p class="alert">This page needs JavaScript; the API does not.</p></noscript>

<main>
<section class="text" id="talk" aria-label="chat" data-kinds="">
  <div id="conversation">
    <div id="turns" role="log" aria-label="conversation" tabindex="0"></div>
    <div id="hint">
      <p>Write something. The map shows which experts each token of the answer wakes, as it comes.</p>
      <p>Point at a token to see its experts, at an expert or at a layer’s number to see its tokens; a click or
        <kbd>Enter</kbd> pins what is shown, <kbd>Esc</kbd> lets go. <kbd>Tab</kbd> goes to tokens and cells, the arrow
        keys walk over them.</p>
    </div>
    <p class="alert" id="alert" role="alert"></p>
    <form id="composer">
      <textarea id="message" rows="2" aria-label="message" placeholder="Message" autocomplete="off"></textarea>
      <div class="buttons">
        <button id="send" disabled>Send</button>
        <button id="stop" type="button">Stop</button>
        <button id="fresh" class="quiet" type="button" disabled>New chat</button>
      </div>
      <details id="settings">
        <summary>Settings</summary>
        <label class="wide" for="system">System prompt</label>
        <textarea id="system" rows="2"></textarea>
        <div class="numbers">
          <label>Temperature <input id="temperature" type="number" min="0" max="2" step="any" placeholder="model’s"></label>
          <label>Most tokens <input id="max-tokens" type="number" min="1" step="1" placeholder="model’s"></label>
          <label>Seed <input id="seed" type="number" min="0" step="1" placeholder="any"></label>
        </div>
      </details>
    </form>
  </div>
  <details id="experts" open>
    <summary>Experts: usage by the answers so far</summary>
    <div class="map"><div id="map"></div><span class="pin"></span><div class="detail"></div></div>
  </details>
</section>

<section id="compare" aria-label="compare" hidden>
  <form id="comparison">
    <p class="note">How do two texts use the experts? Each is read on its own, with nothing in front and no answer.</p>
    <div class="two">
      <label>First<textarea id="first" rows="4" required>The capital of France is Paris.</textarea></label>
      <label>Second<textarea id="second" rows="4" required>const sum = (a, b) =&gt; a + b;</textarea></label>
    </div>
    <div class="buttons"><button>Compare</button></div>
    <p class="alert" id="comparison-alert" role="alert"></p>
  </form>
  <div id="figure"></div>
</section>
</main>

<dialog id="key-dialog" aria-labelledby="key-title">
  <form method="dialog">
    <h2 id="key-title">This server wants an API key</h2>
    <p class="alert" id="key-alert" role="alert"></p>
    <label>Key <input id="key" type="password" autocomplete="off" required></label>
    <p class="note">It is kept until this tab is closed.</p>
    <div class="buttons"><button value="given">Go on</button><button class="quiet" formnovalidate value="">Cancel</button></div>
  </form>
</dialog>
</body>`

/** A few cells of a map. */
export const PAGE_ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">
<path fill="#00224e" d="M0 0h5v5H0zM11 5.5h5v5h-5zM5.5 11h5v5h-5z"/>
<path fill="#707173" d="M5.5 0h5v5h-5zM0 5.5h5v5H0zM11 11h5v5h-5z"/>
<path fill="#fee838" d="M11 0h5v5h-5zM5.5 5.5h5v5h-5zM0 11h5v5H0z"/>
</svg>
`
