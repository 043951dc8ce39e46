// What happens in the page: choosing tasks, looking at one, comparing durations.
"use strict";

const Maestro = {
  // The tasks that the words, the state and the step choose, everywhere.
  choose(m) {
    const d = m.tasks.data, n = d.name.length;
    this.texts ??= Array.from({length: n}, (_, i) =>
      `${d.name[i]}\n${d.params[i]}\n${d.state[i]}\n${d.detail[i]}`.toLowerCase());
    this.params ??= Array.from(d.params, text => `, ${text}, `.toLowerCase());
    const {words, values} = this.terms(m.words.value_input.toLowerCase().trim());
    const chosen = [], is = new Array(n);
    for (let i = 0; i < n; i++) {
      is[i] = (m.state.value === "" || d.state[i] === m.state.value)
        && (m.step.value === "" || d.step[i] === m.steps[Number(m.step.value)])
        && words.every(word => this.texts[i].includes(word))
        && values.every(value => this.params[i].includes(value));
      if (is[i]) chosen.push(i);
    }
    m.task_filter.indices = chosen;
    m.attempt_filter.booleans = Array.from(m.attempts.data.task, i => is[i]);
    m.wait_filter.booleans = Array.from(m.waits.data.task, i => is[i]);
    const whole = chosen.length === n ? "" : `${chosen.length.toLocaleString("en")} of `;
    document.getElementById("chosen").textContent =
      `${whole}${n.toLocaleString("en")} ${n === 1 ? "task" : "tasks"}`;
    this.compare(m, chosen);
  },

  // What to look for: words anywhere, and NAME = VALUE where a parameter has just this value.
  terms(text) {
    const values = [], found = value => this.params.some(params => params.includes(value));
    const whole = `, ${text.replace(/\s*=\s*/, " = ")}, `;
    if (text.includes("=") && found(whole)) return {words: [], values: [whole]};
    const rest = text.replace(/(\S+?)\s*=\s*(\S+)/g, (all, name, value) => {
      if (!found(`, ${name} = `)) return all;
      values.push(`, ${name} = ${value.replace(/,$/, "")}, `);
      return " ";
    });
    return {words: rest.split(/\s+/).filter(word => word), values};
  },

  // The table's rows by its columns: what is empty comes last, up and down.
  sorting(m) {
    const collator = new Intl.Collator("en", {numeric: true});
    const empty = value => value === "" || Number.isNaN(value);
    const order = (a, b, sign) => empty(a) || empty(b) ? empty(a) - empty(b)
      : sign * (typeof a === "number" ? a - b : collator.compare(a, b));
    // Bokeh knows sorters of its own, and forgets them when other rows are chosen.
    Object.getPrototypeOf(Bokeh.index.find_one(m.table).data).sort = function (columns) {
      const keys = columns.map(({sortCol, sortAsc}) =>
        [this.source.data[sortCol.field], sortAsc ? 1 : -1]);
      this.index.sort((i, j) => {
        for (const [values, sign] of keys) {
          const way = order(values[i], values[j], sign);
          if (way !== 0) return way;
        }
        return i - j;
      });
    };
  },

  // Durations of the chosen tasks, by step or by the values of a parameter.
  compare(m, chosen = m.task_filter.indices) {
    const d = m.tasks.data, by = d[m.by.value], groups = new Map();
    for (const i of chosen) {
      const value = by[i];
      if (!Number.isFinite(d.run[i]) || value === "" || Number.isNaN(value)) continue;
      if (!groups.has(value)) groups.set(value, []);
      groups.get(value).push(i);
    }
    const values = [...groups.keys()];
    if (m.by.value !== "step") {
      values.sort((a, b) => typeof a === "number" ? a - b : a.localeCompare(b, "en", {numeric: true}));
    }
    const x = new Float64Array(d.name.length).fill(NaN);
    const boxes = {x: [], label: [], count: [], low: [], q1: [], q2: [], q3: [], high: []};
    values.forEach((value, at) => {
      const rows = groups.get(value), seconds = rows.map(i => d.run[i]).sort((a, b) => a - b);
      rows.forEach((i, k) => { x[i] = at + ((k * 0.618034 + 0.5) % 1 - 0.5) * 0.5; });
      const [low, q1, q2, q3, high] = [0, 0.25, 0.5, 0.75, 1].map(q => this.quantile(seconds, q));
      const row = {x: at, label: `${value}`, count: rows.length, low, q1, q2, q3, high};
      for (const key in boxes) boxes[key].push(row[key]);
    });
    m.tasks.data = {...d, x};
    m.boxes.data = boxes;
    m.across.setv({start: -0.6, end: Math.max(values.length, 1) - 0.4});
    this.fit(m.upwards, chosen.map(i => d.run[i]).filter(s => m.wide ? s > 0 : s >= 0), m.wide);
    this.label(m.axis, values);
    m.axis.axis_label = m.by.value === "step" ? "step" : this.plain(m.names[m.by.value]);
    document.getElementById("compared").textContent = values.length
      ? "" : "None of the chosen tasks has run and has such a value.";
  },

  // All of the seconds, with some room above and below.
  fit(range, seconds, wide) {
    const least = seconds.reduce((a, b) => Math.min(a, b), Infinity);
    const most = seconds.reduce((a, b) => Math.max(a, b), 0) || 1;
    range.setv(wide ? {start: Math.min(least, most) / 1.3, end: most * 1.3}
      : {start: -0.03 * most, end: 1.06 * most});
  },

  label(axis, values) {
    const every = Math.ceil(values.length / 24), labels = new Map(), ticks = [];
    let most = 0;
    for (let i = 0; i < values.length; i += every) {
      const text = `${values[i]}`, short = text.length > 18 ? `${text.slice(0, 17)}…` : text;
      ticks.push(i);
      labels.set(i, this.plain(short));
      most += short.length + 2;
    }
    axis.ticker.ticks = ticks;
    axis.major_label_overrides = labels;
    axis.major_label_orientation = most * 7 > innerWidth - 120 ? 0.7 : "horizontal";
  },

  // A text in which nothing is taken for a formula.
  plain(text) {
    return text.replace(/\$(?=\$)|\\(?=[[(])/g, "$&\u200b");
  },

  quantile(sorted, q) {
    const at = q * (sorted.length - 1), low = Math.floor(at);
    return sorted[low] + (at - low) * (sorted[Math.min(low + 1, sorted.length - 1)] - sorted[low]);
  },

  // What is selected in one place is selected in all; all about the first of it.
  select(m, from) {
    const d = m.attempts.data, same = (a, b) => a.length === b.length && a.every((v, i) => v === b[i]);
    const chosen = new Set(m.tasks.selected.indices), bars = [];
    d.task.forEach((task, i) => { if (chosen.has(task)) bars.push(i); });
    const agree = same(bars, m.attempts.selected.indices);
    if (from === m.tasks) {
      if (!agree) m.attempts.selected.indices = bars;
      this.show(m, m.tasks.selected.indices[0]);
    } else if (!agree) {  // else it follows the tasks, of which some may have no bar
      m.tasks.selected.indices = [...new Set(m.attempts.selected.indices.map(i => d.task[i]))];
    }
  },

  show(m, i) {
    const card = document.getElementById("task");
    card.replaceChildren();
    card.hidden = i === undefined;
    if (card.hidden) return;
    const d = m.tasks.data, time = t => Number.isFinite(t)
      ? new Date(t).toISOString().slice(0, 19).replace("T", " ") : "";
    const seconds = s => Number.isFinite(s) ? `${Number(s.toPrecision(4))} s` : "";
    const rows = {
      State: d.mark[i], Parameters: d.params[i], Why: d.detail[i], Submitted: time(d.submitted[i]),
      Started: time(d.started[i]), Ended: time(d.ended[i]), "In the queue": seconds(d.queue[i]),
      "Run time": seconds(d.run[i]), Attempts: `${d.attempts[i]}`, Job: d.job[i],
      "Exit code": Number.isFinite(d.exit[i]) ? `${d.exit[i]}` : "", Workspace: d.workspace[i],
    };
    const add = (parent, tag, text) => {
      const node = parent.appendChild(document.createElement(tag));
      node.textContent = text;
      return node;
    };
    add(card, "h3", d.name[i]);
    const list = add(card, "dl", "");
    for (const [name, text] of Object.entries(rows)) {
      if (text !== "") { add(list, "dt", name); add(list, "dd", text); }
    }
    if (document.getElementById(`failure-${i}`)) {
      add(card, "a", "What it printed").href = `#failure-${i}`;
    }
  },

  // What is linked to is open.
  open() {
    const linked = location.hash && document.getElementById(location.hash.slice(1));
    if (!linked) return;
    for (let node = linked; node; node = node.parentElement) {
      if (node instanceof HTMLDetailsElement) node.open = true;
    }
    linked.scrollIntoView();
  },
};

addEventListener("hashchange", Maestro.open);
addEventListener("DOMContentLoaded", Maestro.open);
