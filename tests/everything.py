"""A specification with every key of the language."""

EVERYTHING = """\
description:
  name: every key
  description: of the language
  author: somebody
  1: one
env:
  variables:
    OUTPUT_PATH: ./studies
    TEXT: $(LATER)/x
    LATER: 1.0e-3
    INT: 5400
  labels:
    WITH_PARAMETER: $(TEXT)-$(SIZE.label)
    FLAG: yes
    LIST: [1, a]
    NONE:
  sources: [setup.sh]
  dependencies:
    paths:
      - {name: INPUT, path: data/$(LATER)}
      - {name: INSIDE, path: $(OUTPUT_PATH)/x}
    git:
      - {name: code, path: $(OUTPUT_PATH), url: 'https://x/$(INT)', tag: v1}
      - {name: more, path: clones, url: u, hash: '123', extra: 1}
      - {name: third, path: /, url: u, branch: main}
    spack: {name: a, package_name: b}
batch:
  type: SLURM
  shell: /bin/zsh
  host: h
  bank: b
  queue: 7
  nodes: 1
  procs: '4'
  gpus: 1
  reservation: r
  qos: q
  flux_uri: a
  uri: b
  version: 0.49.0
  args: {a: b}
  allocation_args: {setopt: {x: 1}}
  launcher_args: {cpu-bind: none}
  launcher: mpirun
  arrays: true
  enforce walltime: false
  unknown: 1
study:
  - name: last
    description: $(TEXT)
    run:
      cmd: |
        $(LAUNCHER)[1n, 2p] ./run $(first.workspace) $(date) $(middle.workspace)
        echo $(WITH_PARAMETER) $(INPUT) $(code) $(OUTPUT_PATH) $(SPECROOT) $(WORKSPACE)
      restart: cat $(middle.workspace)
      depends: [first, middle_*, 'first*']
      pre: a
      post: b
      nodes: $(NODES)
      procs: 2
      gpus: 0
      cores per task: 1
      tasks per rs: 1
      rs per node: 1
      cpus per rs: 1
      bind: rs
      bind gpus: none
      walltime: '1:30:00'
      reservation: r
      exclusive: {allocation: true, launcher: $(FLAG)}
      allocation_args: {setopt: {x: $(FLAG)}, mail-type: [BEGIN, END]}
      launcher_args: {verbose: true}
      nested: false
      waitable: true
      priority: High
      qos: q
  - {name: middle, description: d, run: {cmd: 'x $(SIZE.name)', depends: [first], exclusive: yes}}
  - {name: first, description: d, run: {cmd: x, priority: 0.5, walltime: 30, depends: []}}
global.parameters:
  SIZE:
    values: [1e-3, 1.0e-3, yes, 1:30:00, 2024-01-31, [1, 2], ~]
    label: SIZE.%%
    name: Size
  NODES: {values: [1, 2, 3, 4, 5, 6, 7], label: [a, b, c, 1, 2, 3, 4]}
"""
