"""stub"""
def add_parser(commands):
    p=commands.add_parser("status",help="Check the status of a study."); p.set_defaults(run=run)
    p.add_argument("directory",nargs="+")
def run(options):
    from maestro.report.tables import show
    return show(options.directory)
