"""The rules of `pbx lint`: one module a rule, found by being here. `pbx.analysis.rule` says what a module holds."""
