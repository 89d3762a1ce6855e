from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('idp', '0063_kinds_of_events_of_upstreams'),
    ]

    operations = [
        migrations.AddField(
            model_name='accesstoken',
            name='cnf',
            field=models.JSONField(null=True),
        ),
        migrations.AddField(
            model_name='authorizationcode',
            name='cnf',
            field=models.JSONField(null=True),
        ),
        migrations.AddField(
            model_name='refreshtoken',
            name='cnf',
            field=models.JSONField(null=True),
        ),
        migrations.AddField(
            model_name='client',
            name='dpop_bound_access_tokens',
            field=models.BooleanField(db_default=False, default=False, verbose_name='tokens bound to a key (DPoP)'),
        ),
    ]
