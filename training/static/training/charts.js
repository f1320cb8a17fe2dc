// The administrators' pages: charts drawn with Plotly in the colours of the theme, what htmx brings
// anew, questions.
"use strict";

// The admin has global functions of its own; nothing of ours is global.
(() => {
  // Okabe and Ito's palette: told apart by the colour-blind too.
  const COLOURS = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442"];

  // From little to much; little stands out least. On every shade the numbers in the cells read well.
  const LIGHT_CELLS = { colorscale: [[0, "#f8fafc"], [1, "#56B4E9"]], textfont: { color: "#111827" } };
  const DARK_CELLS = { colorscale: [[0, "#1e293b"], [1, "#0072B2"]], textfont: { color: "#f9fafb" } };

  function theme() {
    const dark = document.documentElement.classList.contains("dark");
    const text = dark ? "#d1d5db" : "#374151";
    const grid = dark ? "#374151" : "#e5e7eb";
    const axis = { gridcolor: grid, linecolor: grid, zerolinecolor: grid, tickfont: { color: text } };
    return { dark, text, axis };
  }

  function layoutOf(figure, box) {
    const { text, axis } = theme();
    const narrow = box.clientWidth < 500;
    const layout = structuredClone(figure.layout);
    for (const name of ["xaxis", "yaxis"]) layout[name] = { ...layout[name], ...axis };
    for (const shape of layout.shapes || []) shape.line.color = text;
    return {
      ...layout,
      colorway: COLOURS,
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { color: text, family: "inherit", size: narrow ? 11 : 12 },
      margin: { l: 48, r: 12, t: 8, b: 48 },
      legend: { ...layout.legend, orientation: "h", y: 1.02, yanchor: "bottom", x: 0 },
      height: box.clientHeight,
      uirevision: "kept", // zoom and hidden series outlast a redraw
    };
  }

  function dataOf(figure) {
    const { dark } = theme();
    return figure.data.map((trace) =>
      trace.type === "heatmap"
        ? { ...trace, ...(dark ? DARK_CELLS : LIGHT_CELLS), showscale: false }
        : trace
    );
  }

  // What each box shows, as text: a chart whose numbers are the same is left alone.
  const shown = new WeakMap();

  function draw(box) {
    const text = document.getElementById(box.dataset.figure).textContent;
    const figure = JSON.parse(text);
    shown.set(box, text);
    const options = { responsive: true, displaylogo: false, displayModeBar: false };
    Plotly.react(box, dataOf(figure), layoutOf(figure, box), options);
  }

  const isStale = (box) =>
    shown.get(box) !== document.getElementById(box.dataset.figure).textContent;

  // Plotly is 5 MB of script: a page without charts does not load it, and what is not in sight is
  // not drawn.
  const waiting = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (isIntersecting && isStale(target)) draw(target);
    }
  }, { rootMargin: "200px" });

  const boxes = () => document.querySelectorAll("[data-figure]");

  function drawAll() {
    for (const box of boxes()) {
      if (shown.has(box) && isStale(box)) draw(box);
      else waiting.observe(box);
    }
  }

  function redrawAll() {
    for (const box of boxes()) if (shown.has(box)) draw(box);
  }

  // What a reader has folded open stays open when htmx brings it anew.
  let opened = [];
  document.addEventListener("htmx:beforeSwap", ({ detail }) => {
    opened = [...detail.target.querySelectorAll("details[id][open]")].map(({ id }) => id);
  });
  document.addEventListener("htmx:afterSwap", () => {
    for (const id of opened) document.getElementById(id)?.setAttribute("open", "");
  });

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", drawAll);
  else drawAll();
  document.addEventListener("htmx:afterSettle", drawAll);

  // Questions before what cannot be undone.
  document.addEventListener("submit", (event) => {
    const question = event.submitter?.dataset.confirm;
    if (question && !window.confirm(question)) event.preventDefault();
  });
  new MutationObserver(redrawAll).observe(document.documentElement, { attributeFilter: ["class"] });
})();
