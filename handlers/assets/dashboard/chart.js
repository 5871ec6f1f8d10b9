// Charts, each with its numbers as a table beside it: a picture says nothing to whoever does not see it.

import uPlot from "./uplot.js";
import { element, table } from "./dom.js";



/** The colour that a custom property stands for just now, light or dark. */
function resolve(name) {
  const probe = element("i", { class: name });
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

/** Series: {name, class, stepped?}. `data`: times in seconds, then the values of each series. */
export function chart(title, series, data, format) {
  const ink = resolve("quiet");
  const axis = { stroke: ink, grid: { stroke: ink, width: 0.3 }, ticks: { stroke: ink, width: 0.3 } };
  const canvas = element("div", { class: "chart", role: "img", "aria-label": `${title}: chart; the numbers are in the table below` });
  const lines = series.map(({ name, class: kind, stepped }) => ({
    label: name,
    stroke: resolve(kind),
    width: 2,
    paths: stepped ? uPlot.paths.stepped({ align: 1 }) : undefined,
    points: { show: data[0].length < 60 },
  }));
  const rows = data[0].map((at, index) => ({ at, values: data.slice(1).map((values) => values[index]) })).reverse();
  const numbers = table(
    title,
    [
      { name: "Time", cell: ({ at }) => new Date(at * 1000).toLocaleString() },
      ...series.map(({ name }, index) => ({ name, number: true, cell: ({ values }) => format(values[index]) })),
    ],
    rows.slice(0, 100),
    "Nothing yet.",
  );
  const box = element("div", {}, canvas, element("details", {}, element("summary", {}, "As a table"), numbers));
  // Its width is known when it stands in the page.
  requestAnimationFrame(() => {
    if (!canvas.isConnected) return;
    const plot = new uPlot(
      {
        width: canvas.clientWidth,
        height: 260,
        series: [{ label: "Time" }, ...lines],
        axes: [axis, axis],
        scales: { y: { range: (_, min, max) => [Math.min(0, min ?? 0), Math.max(1, max ?? 1)] } },
      },
      data,
      canvas,
    );
    const observer = new ResizeObserver(() => {
      if (canvas.isConnected) plot.setSize({ width: canvas.clientWidth, height: 260 });
      else observer.disconnect();
    });
    observer.observe(canvas);
  });
  return box;
}
