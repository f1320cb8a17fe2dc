// Draws the charts of the administrators' pages with Plotly, in the colours of the page's theme.
"use strict";

// The admin has global functions of its own; nothing of ours is global.
(() => {
  // Okabe and Ito's palette: told apart by the colour-blind too.
  const COLOURS = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442"];

  // From little to much; little stands out least.
  const LIGHT_SCALE = [[0, "#f8fafc"], [1, "#0072B2"]];
  const DARK_SCALE = [[0, "#1e293b"], [1, "#0369a1"]];

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
    return {
      ...layout,
      colorway: COLOURS,
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { color: text, family: "inherit", size: narrow ? 11 : 12 },
      margin: { l: 48, r: 12, t: 8, b: 48 },
      legend: { ...layout.legend, orientation: "h", y: 1.02, yanchor: "bottom", x: 0 },
      height: box.clientHeight,
    };
  }

  function dataOf(figure) {
    const { dark } = theme();
    return figure.data.map((trace) =>
      trace.type === "heatmap"
        ? { ...trace, colorscale: dark ? DARK_SCALE : LIGHT_SCALE, showscale: false }
        : trace
    );
  }

  function draw(box) {
    const figure = JSON.parse(document.getElementById(box.dataset.figure).textContent);
    const options = { responsive: true, displaylogo: false, displayModeBar: false };
    Plotly.react(box, dataOf(figure), layoutOf(figure, box), options);
    box.dataset.drawn = "yes";
  }

  // Plotly is 5 MB of script: a page without charts does not load it, and what is not in sight is
  // not drawn.
  const waiting = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (isIntersecting && !target.dataset.drawn) draw(target);
    }
  }, { rootMargin: "200px" });

  function drawAll() {
    for (const box of document.querySelectorAll("[data-figure]")) waiting.observe(box);
  }

  function redrawAll() {
    for (const box of document.querySelectorAll("[data-figure][data-drawn]")) draw(box);
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", drawAll);
  else drawAll();
  document.addEventListener("htmx:afterSettle", drawAll);
  new MutationObserver(redrawAll).observe(document.documentElement, { attributeFilter: ["class"] });
})();
