// Looks at the html of `palisade map` and of `palisade diff` as people do, in a real browser. Prints a line for each thing that holds, and fails at
// the first that does not.
//
// usage: node map.js PLAYWRIGHT CHROMIUM SCREENSHOTS EXAMPLES.html HOSTILE.html LARGE.html CHANGES.html
"use strict";
const assert = require("node:assert/strict");
const path = require("node:path");
const { pathToFileURL } = require("node:url");

const [playwright, chromium, screenshots, examples, hostile, large, changes] = process.argv.slice(2);
const { chromium: browserType } = require(playwright);

const steps = [];
const step = (name, run) => steps.push([name, run]);
const url = (file) => pathToFileURL(file).href;
const picture = (page, name) => page.screenshot({ path: path.join(screenshots, name + ".png"), fullPage: true });
const count = async (page) => (await page.locator("#count").textContent()).match(/^(\d+) of (\d+) (?:connections|changes)$/).slice(1).map(Number);
const edges = (page) => page.locator("svg .edge").count();

// Clicks on the line itself, in its middle: a box around it holds much else.
async function clickLine(page, hit) {
  await hit.evaluate((line) => line.scrollIntoView({ block: "center", inline: "center" }));
  const [x, y] = await hit.evaluate((line) => {
    const middle = line.getPointAtLength(line.getTotalLength() / 2).matrixTransform(line.getScreenCTM());
    return [middle.x, middle.y];
  });
  await page.mouse.click(x, y);
}

// WCAG's contrast of two colours as the browser computes them.
function contrast(one, other) {
  const light = (colour) => {
    const [red, green, blue] = colour.match(/\d+(\.\d+)?/g).map((part) => {
      const share = Number(part) / 255;
      return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const [low, high] = [light(one), light(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}

step("everything that the data has is drawn, in groups by namespace", async (page) => {
  await page.goto(url(examples));
  const [shown, all] = await count(page);
  assert.equal(shown, all);
  assert.ok(all > 10, `only ${all} connections`);
  assert.equal(await edges(page), all);
  const groups = await page.locator("#peers h2").allTextContents();
  assert.ok(groups.length > 2 && new Set(groups).size === groups.length, String(groups));
  const drawn = await page.locator("svg .group").count();
  assert.ok(drawn > 1, `${drawn} groups in the picture`);
  await picture(page, "light");
});

step("every box is within the picture, and no two overlap", async (page) => {
  const boxes = await page.locator("svg rect.peer").evaluateAll((all) => all.map((box) => box.getBBox()).map(({ x, y, width, height }) => [x, y, width, height]));
  const size = await page.locator("svg").first().evaluate((svg) => [svg.width.baseVal.value, svg.height.baseVal.value]);
  assert.ok(boxes.length > 3);
  boxes.forEach(([x, y, width, height], at) => {
    assert.ok(x >= 0 && y >= 0 && x + width <= size[0] && y + height <= size[1], `box ${at} leaves the picture`);
    boxes.slice(at + 1).forEach(([x2, y2, width2, height2]) => {
      assert.ok(x + width <= x2 || x2 + width2 <= x || y + height <= y2 || y2 + height2 <= y, `boxes overlap at ${x},${y}`);
    });
  });
});

step("a search narrows to what has its words, and Escape ends it", async (page) => {
  const [, all] = await count(page);
  await page.keyboard.press("/");
  assert.equal(await page.evaluate(() => document.activeElement.id), "search");
  await page.keyboard.type("5432");
  const [shown] = await count(page);
  assert.ok(shown > 0 && shown < all, `${shown} of ${all}`);
  const titles = await page.locator("svg .edge title").allTextContents();
  assert.ok(titles.every((title) => title.includes("5432")), String(titles));
  await page.keyboard.type(" nobody-is-called-so");
  assert.deepEqual((await count(page))[0], 0);
  await page.keyboard.press("Escape");
  assert.deepEqual(await count(page), [all, all]);
});

step("a click on a connection shows the lines that decide it", async (page) => {
  await page.locator("#search").fill("5432");
  await clickLine(page, page.locator("svg .edge .hit").first());
  const details = await page.locator("#details").innerText();
  assert.match(details, /Lines that decide/);
  assert.match(details, /\.yaml:\d+/);
  assert.equal(await page.locator("svg .edge.chosen").count(), 1);
  await picture(page, "chosen");
  await page.keyboard.press("Escape");
});

step("by the keyboard alone: a connection is reached, chosen and told", async (page) => {
  await page.locator("#search").focus();
  let reached = false;
  for (let n = 0; n < 200 && !reached; n += 1) {
    await page.keyboard.press("Tab");
    reached = await page.evaluate(() => document.activeElement.classList.contains("edge"));
  }
  assert.ok(reached, "no connection gets the focus");
  const title = await page.evaluate(() => document.activeElement.querySelector("title").textContent);
  await page.keyboard.press("Enter");
  const heading = await page.locator("#details h2").textContent();
  assert.ok(title.startsWith(heading), `${title} / ${heading}`);
  await page.locator("#peers button").first().focus();
  await page.keyboard.press("ArrowDown");
  const at = await page.evaluate(() => [...document.querySelectorAll("#peers button")].indexOf(document.activeElement));
  assert.equal(at, 1);
});

step("a peer in focus shows its own connections, each way, and is kept in the address", async (page) => {
  const button = page.locator("#peers button", { hasText: "shop/web" }).first();
  const name = await button.textContent();
  await button.click();
  const [both, all] = await count(page);
  assert.ok(both > 0 && both < all);
  const titles = await page.locator("svg .edge title").allTextContents();
  assert.ok(titles.every((title) => title.includes(name)), String(titles));
  await page.locator("#direction").selectOption("out");
  const [out] = await count(page);
  await page.locator("#direction").selectOption("in");
  const [into] = await count(page);
  assert.ok(out + into >= both && out <= both && into <= both, `${out} + ${into}, ${both}`);
  assert.ok(decodeURIComponent(new URL(page.url()).hash).includes(name));
  await picture(page, "focus");
  await page.reload();
  assert.equal(await page.locator("#peers button[aria-pressed=true]").textContent(), name);
  await page.locator("#clear").click();
  assert.equal((await count(page))[0], all);
});

step("an address that was mangled on its way still shows everything", async (page) => {
  for (const hash of ["#%E0%A4%A", "#nobody", "#"]) {
    await page.goto("about:blank");
    await page.goto(url(examples) + hash);
    const [shown, all] = await count(page);
    assert.ok(shown === all && all > 0, hash);
  }
});

step("text can be read in the light and in the dark", async (page) => {
  const colours = () => page.evaluate(() => ["body", "header", "aside", "nav button"].map((name) => {
    const style = getComputedStyle(document.querySelector(name));
    let behind = document.querySelector(name);
    while (getComputedStyle(behind).backgroundColor === "rgba(0, 0, 0, 0)") behind = behind.parentElement;
    return [name, style.color, getComputedStyle(behind).backgroundColor];
  }));
  const seen = [];
  for (const scheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme: scheme });
    for (const [name, ink, paper] of await colours()) {
      assert.ok(contrast(ink, paper) >= 4.5, `${name} in the ${scheme}: ${ink} on ${paper}`);
    }
    seen.push((await colours())[0][2]);
  }
  assert.notEqual(seen[0], seen[1], "dark is as light");
  await picture(page, "dark");
  await page.emulateMedia({ colorScheme: "light" });
});

step("on paper stands the picture, and nothing to click", async (page) => {
  await page.emulateMedia({ media: "print" });
  for (const hidden of ["#peers", "#details", "#search", "#clear"]) assert.ok(!(await page.locator(hidden).isVisible()), hidden);
  assert.ok(await page.locator("#picture svg").isVisible());
  // As wide as A4.
  await page.setViewportSize({ width: 794, height: 1123 });
  const right = await page.locator("#picture svg").evaluate((svg) => svg.getBoundingClientRect().right);
  assert.ok(right <= 794, `the picture ends at ${right}`);
  await picture(page, "print");
  await page.setViewportSize({ width: 1400, height: 900 });
  const pages = await page.pdf();
  assert.ok(pages.length > 5000, `${pages.length} bytes`);
  await page.emulateMedia({ media: "screen" });
});

step("a narrow window shows everything too", async (page) => {
  await page.setViewportSize({ width: 390, height: 800 });
  await page.goto("about:blank");
  await page.goto(url(examples));
  assert.ok(await page.locator("#picture svg").isVisible() && await page.locator("#search").isVisible());
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), "the page itself scrolls sideways");
  await picture(page, "narrow");
  await page.setViewportSize({ width: 1400, height: 900 });
});

step("names that would be markup are text", async (page) => {
  await page.goto(url(hostile));
  const [, all] = await count(page);
  assert.ok(all > 0);
  for (const button of await page.locator("#peers button").all()) await button.click();
  await page.keyboard.press("Escape");
  for (const edge of await page.locator("svg .edge .hit").all()) {
    await clickLine(page, edge);
  }
  assert.match(await page.locator("body").innerText(), /<img src=x/);
  assert.equal(await page.evaluate(() => window.pwned), undefined);
  assert.equal(await page.locator("img").count(), 0);
});

step("a thousand connections are drawn, and searched", async (page) => {
  await page.goto(url(large));
  const [shown, all] = await count(page);
  assert.ok(all >= 1000, `${all} connections`);
  assert.equal(shown, all);
  assert.equal(await edges(page), all);
  await page.locator("#search").fill("app-77 ");
  assert.ok((await count(page))[0] < all);
  await picture(page, "large");
});

step("host rules that differ stand below the picture, as text", async (page) => {
  await page.goto(url(changes));
  const lines = page.locator("#rules li");
  assert.deepEqual(await lines.locator("span:first-child").evaluateAll((spans) => spans.map((span) => [span.className, span.textContent.slice(0, 2)])),
    [["less", "- "], ["more", "+ "]]);
  assert.match(await lines.nth(1).textContent(), /tcp dport \{ 22, 443 \} accept .*new\.ferm:1$/);
  await lines.nth(1).scrollIntoViewIfNeeded();
  assert.ok(await lines.nth(1).isVisible());
  await picture(page, "rules");
});

step("what changes is told apart by colour and by dashes, with the lines that it comes from", async (page) => {
  await page.goto(url(changes));
  const [, all] = await count(page);
  assert.match(await page.locator("#count").textContent(), /changes$/);
  assert.equal(await edges(page), all);
  const look = async (kinds) => {
    const line = page.locator(kinds.map((kind) => `svg .edge.${kind} path:not(.hit)`).join(", ")).first();
    return line.evaluate((path) => [getComputedStyle(path).stroke, getComputedStyle(path).strokeDasharray]);
  };
  const [more, moreDash] = await look(["added", "widened"]);
  const [less, lessDash] = await look(["removed", "narrowed"]);
  assert.notEqual(more, less);
  assert.equal(moreDash, "none");
  assert.notEqual(lessDash, "none");
  await picture(page, "changes");
  const crossed = await page.evaluate(() => {
    const groups = [...document.querySelectorAll("svg .group")].map((group) => group.getBBox());
    const inside = (box, { x, y }) => x > box.x && x < box.x + box.width && y > box.y && y < box.y + box.height;
    const lines = [...document.querySelectorAll("svg .edge path:not(.hit)")].filter((path) => {
      const from = path.getPointAtLength(0), to = path.getPointAtLength(path.getTotalLength());
      const left = Math.min(...groups.map((box) => box.x)), right = Math.max(...groups.map((box) => box.x + box.width));
      return from.x < left && to.x > right;
    });
    const points = lines.flatMap((path) => Array.from({ length: 200 }, (_, at) => path.getPointAtLength(path.getTotalLength() * at / 200)));
    return [lines.length, points.filter((point) => groups.some((box) => inside(box, point))).length];
  });
  assert.ok(crossed[0] > 0, "a line from one side to the other");
  assert.equal(crossed[1], 0, "no such line crosses a group");
  await page.locator("#search").fill("removed nobody-is-called-so");
  assert.equal((await count(page))[0], 0, "a search for a kind and for nobody");
  for (const kind of ["removed", "added"]) {
    await page.locator("#search").fill(kind);
    const [shown] = await count(page);
    assert.ok(shown > 0 && shown < all, `${shown} of ${all} ${kind}`);
    await clickLine(page, page.locator("svg .edge .hit").first());
    const details = await page.locator("#details").innerText();
    assert.match(details, /Lines that it comes from/);
    assert.match(details, /\.(yaml|ferm):\d+/);
  }
});

(async () => {
  const browser = await browserType.launch({ executablePath: chromium, args: ["--no-sandbox", "--disable-gpu"] });
  try {
    const context = await browser.newContext({ viewport: { width: 1400, height: 900 } });
    const page = await context.newPage();
    const said = [];
    page.on("pageerror", (error) => said.push(String(error)));
    page.on("console", (message) => { if (message.type() !== "log") said.push(message.text()); });
    page.on("request", (request) => { if (!/^(file|about|data):/.test(request.url())) said.push("asks for " + request.url()); });
    for (const [name, run] of steps) {
      await run(page);
      assert.deepEqual(said, [], name);
      console.log("holds: " + name);
    }
  } finally {
    await browser.close();
  }
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
