"""The operator's actions and the account's actions on its money: each a check, then one change."""
