// node look.mjs MODULES CASES SCREENSHOTS - open each report in headless Chromium and say as JSON what is wrong with it and what it says.
// CASES is a JSON file: [{name, path}]. Standard output: [{name, problems: [...], tables, charts, text}].
import { readFileSync, mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

const [, , modules, casesPath, screenshots] = process.argv;
const require = createRequire(path.join(modules, "package.json"));
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const cases = JSON.parse(readFileSync(casesPath, "utf8"));

const views = [
    { name: "telephone", width: 360, height: 740, colorScheme: "light" },
    { name: "telephone-dark", width: 360, height: 740, colorScheme: "dark" },
    { name: "screen", width: 1280, height: 900, colorScheme: "light" },
    { name: "screen-dark", width: 1280, height: 900, colorScheme: "dark" },
    { name: "paper", width: 720, height: 1000, colorScheme: "light", media: "print" },
];

// In the page: what is wider than it, and texts of a chart that lie on each other.
function layoutProblems() {
    const problems = [];
    const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth > width)
        problems.push(`the page is ${document.documentElement.scrollWidth} px wide on ${width}`);
    for (const element of document.querySelectorAll("body *")) {
        const box = element.getBoundingClientRect();
        const scrolled = element.closest(".scroll") !== null && !element.matches(".scroll");
        if (!scrolled && !element.closest("svg.defs") && box.width > 0 && (box.right > width + 1 || box.left < -1))
            problems.push(`${element.tagName} "${element.textContent.trim().slice(0, 40)}" reaches from ${box.left} to ${box.right}`);
    }
    for (const svg of document.querySelectorAll("svg.chart")) {
        const frame = svg.getBoundingClientRect();
        const texts = [...svg.querySelectorAll("text")].map((text) => [text.textContent, text.getBoundingClientRect()]);
        texts.forEach(([text, a], i) => {
            if (a.left < frame.left - 1 || a.right > frame.right + 1 || a.top < frame.top - 1 || a.bottom > frame.bottom + 1)
                problems.push(`"${text}" is outside its chart`);
            for (const [other, b] of texts.slice(i + 1))
                if (a.left < b.right && b.left < a.right && a.top < b.bottom - 1 && b.top < a.bottom - 1)
                    problems.push(`"${text}" lies on "${other}"`);
        });
    }
    if (matchMedia("print").matches)
        for (const table of document.querySelectorAll("details table"))
            if (table.getBoundingClientRect().height < 10) problems.push("a folded table stays folded on paper");
    return problems;
}

// In the page: nothing that runs or loads, whatever names were in the capture.
function foreignProblems() {
    const problems = [];
    for (const element of document.querySelectorAll("script,img,iframe,object,embed,link,base,form,input,video,audio,a[href]"))
        if (element.tagName !== "A" || !element.getAttribute("href").startsWith("#"))
            problems.push(`<${element.tagName.toLowerCase()}> in the page`);
    for (const element of document.querySelectorAll("*"))
        for (const attribute of element.attributes)
            if (/^on/i.test(attribute.name)) problems.push(`an attribute ${attribute.name}`);
    if (/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/.test(document.body.textContent))
        problems.push("a control or reordering character in the text");
    return problems;
}

function said() {
    const squeeze = (element) => element.textContent.replace(/\s+/g, " ").trim();
    const tables = {};
    for (const table of document.querySelectorAll("table"))
        tables[squeeze(table.caption)] = Object.fromEntries(
            [...table.tBodies[0].rows].map((row) => [squeeze(row.cells[0]), [...row.cells].slice(1).map(squeeze)]));
    const charts = {};
    for (const svg of document.querySelectorAll("svg.chart"))
        charts[squeeze(svg.querySelector("title"))] = squeeze(svg.querySelector("desc"));
    const tiles = {};
    for (const tile of document.querySelectorAll("dl.tiles div"))
        tiles[squeeze(tile.querySelector("dt"))] = [...tile.querySelectorAll("dd")].map(squeeze);
    return { tables, charts, tiles, text: document.body.innerText };
}

async function look(browser, one, view, result) {
    const problem = (text) => result.problems.push(`${view.name}: ${text}`);
    const page = await browser.newPage({ viewport: { width: view.width, height: view.height }, colorScheme: view.colorScheme });
    page.on("console", (message) => problem(`console: ${message.text()}`));
    page.on("pageerror", (error) => problem(`error: ${error}`));
    page.on("dialog", (dialog) => { problem(`dialog: ${dialog.message()}`); dialog.dismiss(); });
    page.on("request", (request) => { if (request.url() !== `file://${one.path}`) problem(`asks for ${request.url()}`); });
    if (view.media) await page.emulateMedia({ media: view.media });
    await page.goto(`file://${one.path}`);
    (await page.evaluate(layoutProblems)).forEach(problem);
    (await page.evaluate(foreignProblems)).forEach(problem);
    await page.evaluate(axe);
    const found = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
    for (const violation of found.violations)
        problem(`axe ${violation.id}: ${violation.help}: ${violation.nodes.slice(0, 3).map((node) => node.html.slice(0, 120)).join(" | ")}`);
    await page.screenshot({ path: path.join(screenshots, `${one.name}-${view.name}.png`), fullPage: true });
    if (view.name === "screen") Object.assign(result, await page.evaluate(said));
    await page.close();
}

mkdirSync(screenshots, { recursive: true });
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
                                        args: ["--no-sandbox", "--disable-dev-shm-usage"] });
const results = [];
for (const one of cases) {
    const result = { name: one.name, problems: [] };
    for (const view of views) await look(browser, one, view, result);
    results.push(result);
}
await browser.close();
process.stdout.write(JSON.stringify(results));
