#include "ctl/cmd.h"
#include "ctl/ctl.h"
int cmd_explain(struct ctl *ctl) { (void)ctl; return 0; }
